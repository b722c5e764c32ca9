/** What Node prints when the watchdog looks into a process that has been silent for long, as on a busy machine. */
const byTheWatchdog =
  /^(?:Debugger (?:attached|listening|ending).*|For help, see: .*inspector.*|Starting inspector .*|Waiting for the debugger .*)\n/gm;

/** What a process itself has printed on its standard error. */
export function withoutWatchdog(stderr: string): string {
  return stderr.replace(byTheWatchdog, "");
}
