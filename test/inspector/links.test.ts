import { createInspector } from "oneup-lifecycle/inspector";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { opened, origin, sessionOf } from "./support.ts";

describe("inspector/link()", () => {
  it("opens one session: a stolen link is worth nothing once it was used", async () => {
    const { inspector } = await opened();
    const link = inspector.link(origin);
    expect(link).toMatch(/^http:\/\/localhost:3000\/\?token=[\w-]{43}$/);
    const first = await inspector.fetch(new Request(link));
    expect(first.status).toBe(303);
    expect(first.headers.get("location")).toBe("/");
    const stolen = await inspector.fetch(new Request(link));
    expect(stolen.status).toBe(403);
    expect(stolen.headers.getSetCookie()).toEqual([]);
    expect(await stolen.text()).toContain("each link works once");
  });

  it("leads the browser that used it to the page when it is opened again", async () => {
    const { inspector } = await opened();
    const link = inspector.link(origin);
    const cookie = (await inspector.fetch(new Request(link))).headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const again = await inspector.fetch(new Request(link, { headers: { cookie } }));
    expect({ status: again.status, cookies: again.headers.getSetCookie() }).toEqual({
      status: 303,
      cookies: [],
    });
  });

  it("sets a cookie that no script reads and no other site sends", async () => {
    const { inspector } = await opened({ basePath: "/inspector" });
    const { headers } = await inspector.fetch(new Request(inspector.link(origin)));
    expect(headers.getSetCookie()[0]).toMatch(
      /^oneup-inspector-[0-9a-f]{8}=[\w-]{43}; Path=\/inspector\/; HttpOnly; SameSite=Strict$/,
    );
    const { headers: overTls } = await inspector.fetch(new Request(inspector.link("https://localhost")));
    expect(overTls.getSetCookie()[0]).toMatch(/; Secure$/);
  });

  it("opens any address of the page", async () => {
    const { inspector } = await opened();
    const token = new URL(inspector.link(origin)).search;
    const { status, headers } = await inspector.fetch(new Request(`${origin}/users/KEY${token}&tab=history`));
    expect({ status, location: headers.get("location") }).toEqual({
      status: 303,
      location: "/users/KEY?tab=history",
    });
  });

  it("works where a page of another site links to it: the inspector's own page opens the next one", async () => {
    const { inspector } = await opened();
    const headers = { "sec-fetch-site": "cross-site" };
    const answer = await inspector.fetch(new Request(inspector.link(origin), { headers }));
    expect(answer.status).toBe(200);
    expect(answer.headers.getSetCookie()).toHaveLength(1);
    expect(await answer.text()).toContain('<meta http-equiv="refresh" content="0;url=/">');
  });

  it.each(["wrong", "", "a".repeat(43), "<script>alert(1)</script>"])(
    "with the token %j opens nothing",
    async (token) => {
      const { inspector } = await opened();
      const answer = await inspector.fetch(new Request(`${origin}/?token=${encodeURIComponent(token)}`));
      expect(answer.status).toBe(403);
      expect(await answer.text()).not.toContain("<script>");
    },
  );

  it("is not taken at addresses of data, nor with another method", async () => {
    const { inspector } = await opened();
    const { search } = new URL(inspector.link(origin));
    for (const [method, path] of [
      ["GET", "/api/live"],
      ["GET", "/assets/page.js"],
      ["HEAD", "/"],
      ["POST", "/"],
    ]) {
      const answer = await inspector.fetch(
        new Request(`${origin}${path}${search}`, { method: method ?? "" }),
      );
      expect([403, 405]).toContain(answer.status);
    }
    expect((await inspector.fetch(new Request(`${origin}/${search}`))).status).toBe(303);
  });

  it.each([
    ["http://tools.example", "http://tools.example"],
    ["http://localhost:3000/", "a URL with more than an origin"],
    ["http://localhost:3000/path", "a URL with more than an origin"],
    ["http://ada@localhost:3000", "a URL with more than an origin"],
    ["localhost:3000", "a URL with more than an origin"],
    ["", "a string"],
  ])("is not made for %j", async (wrong, got) => {
    const { inspector } = await opened();
    const rule = "Cannot make a link: origin must be one of this machine, e.g. http://127.0.0.1:3000";
    expect(() => inspector.link(wrong)).toThrow(`${rule}, got ${got}`);
  });

  it("opens no other inspector, on whatever port", async () => {
    const { lifecycle } = await createTestLifecycle();
    const [one, other] = [createInspector(lifecycle), createInspector(lifecycle)];
    const cookie = await sessionOf(one);
    expect((await other.fetch(new Request(`${origin}/`, { headers: { cookie } }))).status).toBe(403);
    const both = `theme=dark; ${await sessionOf(other)}; ${cookie}`;
    expect((await one.fetch(new Request(`${origin}/api/live`, { headers: { cookie: both } }))).status).toBe(
      200,
    );
    await Promise.all([one.close(), other.close()]);
  });

  it("is too old after 15 minutes, and the session that it opened before is not", async () => {
    const { inspector, clock } = await opened();
    const [used, unused] = [inspector.link(origin), inspector.link(origin)];
    await clock.advance(15 * 60_000 - 1);
    const { headers } = await inspector.fetch(new Request(used));
    const cookie = headers.getSetCookie()[0]?.split(";")[0] ?? "";
    await clock.advance(1);
    const late = await inspector.fetch(new Request(unused));
    expect(late.status).toBe(403);
    expect(await late.text()).toContain("is too old");
    expect((await inspector.fetch(new Request(`${origin}/`, { headers: { cookie } }))).status).toBe(200);
  });

  it("is forgotten when many newer ones were made and none was used", async () => {
    const { inspector } = await opened();
    const link = inspector.link(origin);
    for (let newer = 0; newer < 64; newer++) inspector.link(origin);
    expect((await inspector.fetch(new Request(link))).status).toBe(403);
  });
});
