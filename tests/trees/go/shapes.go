// Package shapes measures plane figures.
package shapes

import "math"

// Area is the area of a circle of the given radius; 0 for a negative one.
func Area(radius float64) float64 {
	if radius < 0 {
		return 0
	}
	return math.Pi * radius * radius
}

// Kind names a polygon by its number of corners.
func Kind(corners int) string {
	switch corners {
	case 3:
		return "triangle"
	case 4:
		return "quadrilateral"
	}
	return "polygon"
}
