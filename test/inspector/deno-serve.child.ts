/** Serves an inspector with `Deno.serve`, and prints its link. It runs on Deno alone. */
import { createInspector } from "oneup-lifecycle/inspector";
import { createTestLifecycle } from "oneup-lifecycle/testing";

/** What is used of Deno. */
interface Serving {
  serve(
    options: {
      readonly hostname: string;
      readonly port: number;
      onListen(at: { readonly port: number }): void;
    },
    handle: (request: Request) => Promise<Response>,
  ): unknown;
}

const { Deno } = globalThis as unknown as { readonly Deno: Serving }; // this file is started on Deno
const { lifecycle } = await createTestLifecycle();
await lifecycle.onboard("ada@example.org");
const inspector = createInspector(lifecycle);
const onListen = ({ port }: { readonly port: number }): void =>
  console.log(inspector.link(`http://127.0.0.1:${port}`));
Deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, inspector.fetch);
