// The application of 12-express.ts: a sign-up endpoint, and a user's status as server-sent events.
import express, { type ErrorRequestHandler, type Express } from "express";
import { isLifecycleError, type Lifecycle, type LifecycleError, type UserStatus } from "oneup-lifecycle";

const shown = ({ state, usable, pause }: UserStatus) => ({ state, usable, waitsFor: pause?.reason });

export function createApplication(lifecycle: Lifecycle): Express {
  const app = express().use(express.json({ limit: "4kb", type: () => true }));

  // The user is only stored: the response does not wait for 1upHealth.
  app.post("/sign-up", async ({ body }, response) => {
    const { email } = (body ?? {}) as { email: string }; // onboard() validates it
    const user = await lifecycle.onboard(email, { waitMs: 0 });
    response.status(user.usable ? 201 : 202).json(shown(user));
  });

  // In the page: new EventSource("/sign-up/ada@example.org/events").onmessage = …
  app.get("/sign-up/:id/events", async ({ params: { id } }, response) => {
    const left = new AbortController();
    response.once("close", () => left.abort());
    await lifecycle.inspect(id); // fails here: a stream that has started cannot return 404
    response.set({ "content-type": "text/event-stream", "cache-control": "no-cache" });
    for await (const user of lifecycle.watch(id, { signal: left.signal, pollMs: 100 }))
      response.write(`data: ${JSON.stringify(shown(user))}\n\n`);
    response.end();
  });

  // Errors by their stable codes; messages name users by an alias and contain no secrets.
  const statuses: Record<string, number> = {
    INVALID_ID: 400,
    USER_UNKNOWN: 404,
    USER_FAILED: 409,
    RENAMED: 409,
    USER_OFFBOARDED: 410,
  };
  const statusOf = ({ code, retryable }: LifecycleError): number =>
    retryable || code === "CLOSED" ? 503 : (statuses[code] ?? 500); // closed: the process shuts down
  app.use(((error: unknown, _request, response, next) => {
    if (response.headersSent) next(error); // in the middle of a stream: Express ends it
    else if (isLifecycleError(error)) response.status(statusOf(error)).json({ error: error.code });
    else if (error instanceof SyntaxError) response.status(400).json({ error: "MALFORMED" });
    else response.status(500).json({ error: "UNFORESEEN" });
  }) satisfies ErrorRequestHandler);
  return app;
}
