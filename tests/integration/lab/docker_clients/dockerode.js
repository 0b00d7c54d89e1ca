// SPDX-License-Identifier: ISC
// dockerode, the library of Homepage, Homarr and most dashboards in Node.
"use strict";
const Docker = require("dockerode");

const where = new URL(process.argv[2]);
const docker = where.protocol === "unix:"
  ? new Docker({ socketPath: where.pathname })
  : new Docker({ host: where.hostname, port: where.port, protocol: "http" });
const web = docker.getContainer("web");
const done = docker.getContainer("done");

const joined = (names) => [...names].sort().join(",");
const plain = (containers) =>
  joined(containers.map((c) => c.Names[0].replace("/", "")));

// The first COUNT JSON documents or pieces of a stream, which is then ended.
function take(stream, count, read) {
  return new Promise((resolve, reject) => {
    const got = [];
    let text = "";
    stream.on("error", reject);
    stream.on("end", () => reject(new Error("the stream ended early")));
    stream.on("data", (data) => {
      text += data;
      const parts = text.split("\n");
      text = parts.pop();
      for (const part of parts.filter((p) => p.trim())) got.push(read(part));
      if (got.length < count) return;
      stream.removeAllListeners("end");
      stream.destroy();
      resolve(got.slice(0, count).join(","));
    });
  });
}

function demultiplexed(stream) {
  const { PassThrough } = require("stream");
  const out = new PassThrough();
  docker.modem.demuxStream(stream, out, out);
  stream.on("end", () => out.end());
  out.on("close", () => stream.destroy());
  return out;
}

async function said(stream) {
  let text = "";
  for await (const part of demultiplexed(stream)) text += part;
  return joined(text.split("\n").filter((line) => line));
}

const asked = {
  ping: async () => (await docker.ping()).toString().toLowerCase(),
  version: async () => (await docker.version()).ApiVersion,
  info: async () => (await docker.info()).Containers,
  list: async () => plain(await docker.listContainers({ all: true })),
  filter: async () =>
    plain(await docker.listContainers({ filters: { label: ["role"] } })),
  inspect: async () => joined((await web.inspect()).Config.Env),
  // Not with follow: false, which gives a buffer.
  logs: async () =>
    said(await done.logs({ follow: true, stdout: true, stderr: true })),
  follow: async () => {
    const stream = await web.logs({ follow: true, stdout: true, tail: 0 });
    return take(demultiplexed(stream), 1, (line) => line.trim());
  },
  stats: async () =>
    take(await web.stats({ stream: true }), 2,
      (part) => JSON.parse(part).name.replace("/", "")),
  once: async () =>
    (await web.stats({ stream: false, "one-shot": true })).read.slice(0, 4),
  top: async () =>
    JSON.stringify((await web.top()).Processes).includes("sleep")
      ? "sleep" : "no",
  changes: async () =>
    joined((await done.changes()).map((c) => c.Path)
      .filter((p) => p === "/new")),
  events: async () =>
    take(await docker.getEvents({ filters: { type: ["image"] } }), 1,
      (part) => JSON.parse(part).Action),
  images: async () =>
    joined((await docker.listImages()).flatMap((i) => i.RepoTags || [])),
  image: async () => (await docker.getImage("bb:1").inspect()).Os,
  history: async () => (await docker.getImage("bb:1").history()).length,
  networks: async () =>
    joined((await docker.listNetworks()).map((n) => n.Name)),
  network: async () => {
    const names = (await docker.listNetworks()).map((n) => n.Name).sort();
    return (await docker.getNetwork(names[0]).inspect()).Driver;
  },
  volumes: async () =>
    joined((await docker.listVolumes()).Volumes.map((v) => v.Name)),
  volume: async () => (await docker.getVolume("nfs").inspect()).Driver,
  df: async () => plain((await docker.df()).Containers),
};

(async () => {
  for (const [name, ask] of Object.entries(asked)) {
    try {
      console.log(name, await ask());
    } catch (e) {
      console.log(name, "failed:", String(e));
    }
  }
  process.exit(0);
})();
