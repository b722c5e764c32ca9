/** The id with which a person signed up, who may have been renamed: `user-2` of `user-2~1`. */
export function firstIdOf(id: string): string {
  return id.replace(/~.*/, "");
}
