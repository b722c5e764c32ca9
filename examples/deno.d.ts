/** The Deno types that 04-deno.ts uses, for editors and compilers that only know Node. */
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
