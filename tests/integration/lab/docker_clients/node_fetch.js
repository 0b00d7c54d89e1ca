// SPDX-License-Identifier: ISC
// Node's fetch (undici), as small dashboards use it without any library.
"use strict";
const { Agent, fetch } = require("undici");

const where = new URL(process.argv[2]);
const unix = where.protocol === "unix:";
const base = unix ? "http://localhost" : `http://${where.host}`;
const dispatcher = unix
  ? new Agent({ connect: { socketPath: where.pathname } }) : new Agent();

const joined = (names) => [...names].sort().join(",");
const plain = (containers) =>
  joined(containers.map((c) => c.Names[0].replace("/", "")));

async function ask(path, init = {}) {
  const answer = await fetch(base + path, { dispatcher, ...init });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer;
}

const json = async (path) => (await ask(path)).json();

// The first COUNT lines of a stream, which is then given up.
async function take(path, count, read) {
  const controller = new AbortController();
  const answer = await ask(path, { signal: controller.signal });
  const got = [];
  let text = "";
  for await (const part of answer.body) {
    text += Buffer.from(part).toString();
    const lines = text.split("\n");
    text = lines.pop();
    got.push(...lines.filter((line) => line.trim()).map(read));
    if (got.length >= count) break;
  }
  controller.abort();
  return got.slice(0, count).join(",");
}

// The pieces of a log, each behind a stream's number and its own length.
function pieces(data) {
  const found = [];
  while (data.length >= 8 && data.length >= 8 + data.readUInt32BE(4)) {
    const end = 8 + data.readUInt32BE(4);
    found.push(data.subarray(8, end).toString().trim());
    data = data.subarray(end);
  }
  return found;
}

async function follow() {
  const controller = new AbortController();
  const answer = await ask(
    "/containers/web/logs?stdout=1&follow=1&tail=0",
    { signal: controller.signal });
  let data = Buffer.alloc(0);
  for await (const part of answer.body) {
    data = Buffer.concat([data, part]);
    if (pieces(data).length) break;
  }
  controller.abort();
  return pieces(data)[0];
}

const filters = (what) => encodeURIComponent(JSON.stringify(what));

const asked = {
  ping: async () => (await (await ask("/_ping")).text()).toLowerCase(),
  version: async () => (await json("/version")).ApiVersion,
  info: async () => (await json("/info")).Containers,
  list: async () => plain(await json("/containers/json?all=true")),
  filter: async () => plain(await json(
    `/containers/json?filters=${filters({ label: ["role"] })}`)),
  inspect: async () => joined((await json("/containers/web/json")).Config.Env),
  logs: async () => {
    const said = await ask("/containers/done/logs?stdout=1&stderr=1");
    return joined(pieces(Buffer.from(await said.arrayBuffer())));
  },
  follow,
  stats: async () => take("/containers/web/stats", 2,
    (line) => JSON.parse(line).name.replace("/", "")),
  once: async () =>
    (await json("/containers/web/stats?stream=false&one-shot=true")).read
      .slice(0, 4),
  top: async () =>
    JSON.stringify((await json("/containers/web/top")).Processes)
      .includes("sleep") ? "sleep" : "no",
  changes: async () => joined((await json("/containers/done/changes"))
    .map((c) => c.Path).filter((p) => p === "/new")),
  events: async () => take(`/events?filters=${filters({ type: ["image"] })}`,
    1, (line) => JSON.parse(line).Action),
  images: async () =>
    joined((await json("/images/json")).flatMap((i) => i.RepoTags || [])),
  image: async () =>
    (await json(`/images/${encodeURIComponent("bb:1")}/json`)).Os,
  history: async () => (await json("/images/bb:1/history")).length,
  networks: async () => joined((await json("/networks")).map((n) => n.Name)),
  network: async () => {
    const names = (await json("/networks")).map((n) => n.Name).sort();
    return (await json(`/networks/${names[0]}`)).Driver;
  },
  volumes: async () =>
    joined((await json("/volumes")).Volumes.map((v) => v.Name)),
  volume: async () => (await json("/volumes/nfs")).Driver,
  df: async () => plain((await json("/system/df")).Containers),
};

(async () => {
  for (const [name, call] of Object.entries(asked)) {
    try {
      console.log(name, await call());
    } catch (e) {
      console.log(name, "failed:", String(e), e.cause || "");
    }
  }
  process.exit(0);
})();
