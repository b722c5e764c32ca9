/** The page that Prometheus reads, as series. */

/** One line of the page. */
export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The series of a page. */
export function seriesIn(page: string): readonly Series[] {
  return page.split("\n").flatMap((line) => {
    const [, name, labels = "", value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) return [];
    const pairs = Array.from(labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g), ([, key = "", text = ""]) => [
      key,
      text,
    ]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

/** The descriptions of a page's metrics, by name. */
export function helpIn(page: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(page.matchAll(/^# HELP (\S+) (.*)$/gm), ([, name = "", text = ""]) => [name, text]),
  );
}
