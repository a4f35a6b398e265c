package shapes

import "testing"

func TestAreaOfNothing(t *testing.T) {
	if Area(-1) != 0 {
		t.Fatal("a negative radius has an area")
	}
}
