/** What an application has: a machine that connects its own user to 1upHealth. */
import type { Lifecycle, UserStatus } from "oneup-lifecycle";
import { assign, setup } from "xstate";

interface Context {
  readonly email: string;
  /** States that were seen. */
  readonly seen: readonly string[];
  readonly user: UserStatus | null;
  readonly error: unknown;
}

// The machine's type is XState's affair, and long.
export function signUp(lifecycle: Lifecycle) {
  return setup({
    types: { input: {} as { readonly email: string }, context: {} as Context },
    actors: { oneup: lifecycle.actor },
  }).createMachine({
    context: ({ input }) => ({ email: input.email, seen: [], user: null, error: null }),
    initial: "connecting",
    states: {
      connecting: {
        invoke: {
          id: "oneup",
          src: "oneup",
          input: ({ context }) => ({ appUserId: context.email }),
          onSnapshot: {
            actions: assign({
              seen: ({ context, event }) => [...context.seen, event.snapshot.context?.state ?? "nothing"],
            }),
          },
          onDone: { target: "connected", actions: assign({ user: ({ event }) => event.output }) },
          onError: { target: "sorry", actions: assign({ error: ({ event }) => event.error }) },
        },
        on: { CANCEL: "cancelled" },
      },
      connected: { type: "final" },
      sorry: { type: "final" },
      cancelled: { type: "final" },
    },
  });
}
