/** A title as part of an address. */
export function slug(title: string): string {
  const words = title.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return words.length > 0 ? words.join("-") : "untitled";
}
