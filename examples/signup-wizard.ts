// The machine of 10-signup-wizard.ts: the steps of a visitor. It belongs to the application, and is plain XState; the
// onboarding is one of its actors.
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { assign, fromPromise, setup } from "xstate";

type Visitor = { readonly email: string; readonly step: string; readonly why: string };
type Wish = { readonly type: "DETAILS"; readonly email: string } | { readonly type: "TRY_AGAIN" };

export const createWizard = (lifecycle: Lifecycle) =>
  setup({
    types: { context: {} as Visitor, events: {} as Wish },
    actors: {
      oneup: lifecycle.actor, // its input and output are inferred
      retry: fromPromise(({ input }: { input: string }) => lifecycle.retry(input, { waitMs: 0 })),
    },
  }).createMachine({
    initial: "details",
    context: { email: "", step: "", why: "" },
    states: {
      details: {
        on: { DETAILS: { target: "connecting", actions: assign({ email: ({ event }) => event.email }) } },
      },
      connecting: {
        invoke: {
          src: "oneup",
          input: ({ context }) => ({ appUserId: context.email }),
          onSnapshot: {
            actions: assign({ step: ({ event, context }) => event.snapshot.context?.state ?? context.step }),
          },
          onDone: { target: "done", actions: assign({ step: ({ event }) => event.output.state }) },
          // Temporary trouble is retried inside the actor. An error here needs a decision.
          onError: [
            {
              guard: ({ event }) => isLifecycleError(event.error, "USER_FAILED"),
              target: "failed",
              actions: assign({ why: "1upHealth refused" }),
            },
            { target: "failed", actions: assign({ why: "call us" }) },
          ],
        },
      },
      failed: { on: { TRY_AGAIN: "retrying" } },
      retrying: {
        invoke: {
          src: "retry",
          input: ({ context }) => context.email,
          onDone: { target: "connecting", actions: assign({ why: "", step: "" }) },
          onError: "failed",
        },
      },
      done: { type: "final" },
    },
  });
