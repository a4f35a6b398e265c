import { expect, test } from "vitest";
import { slug } from "./slug";

test("a title without words is untitled", () => {
  expect(slug("!")).toBe("untitled");
});
