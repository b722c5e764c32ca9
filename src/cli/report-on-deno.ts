/**
 * On Deno a write to the standard output throws where Node emits an error, and so does `console.log()`.
 *
 * @module
 */

/** Lets a failed write emit an error, as on Node. */
export function reportOnDeno(): void {
  const { stdout } = process;
  const write = stdout.write.bind(stdout) as (...given: readonly unknown[]) => boolean;
  stdout.write = (...given: readonly unknown[]): boolean => {
    try {
      return write(...given);
    } catch (error) {
      stdout.emit("error", error);
      return false;
    }
  };
  console.log = (line: string) => void stdout.write(`${line}\n`);
}
