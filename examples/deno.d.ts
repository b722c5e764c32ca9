/** As much of Deno's own types as 04-deno.ts needs, for editors and compilers that know Node only. */
declare namespace Deno {
  function serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly onListen: (address: { readonly port: number }) => void;
    },
    handler: (request: Request) => Promise<Response>,
  ): { shutdown(): Promise<void> };
  const env: { get(name: string): string | undefined };
  function addSignalListener(signal: "SIGTERM" | "SIGINT", listener: () => void): void;
  function exit(): never;
}
