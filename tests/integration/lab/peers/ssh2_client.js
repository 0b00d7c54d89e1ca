// SPDX-License-Identifier: ISC
/*
 * npm's ssh2 as a client of a gateway: test_charon_ssh2.py runs it, and reads
 * what it found from its last line, as JSON.
 *
 *	node ssh2_client.js NODE_MODULES '{"port": ..., "user": ..., ...}'
 */
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const http = require("http");
const path = require("path");

const [modules, text] = process.argv.slice(2);
const { Client } = require(path.join(modules, "ssh2"));
const given = JSON.parse(text);
const found = { version: require(path.join(modules, "ssh2", "package.json"))
	.version };

const digest = (data) => crypto.createHash("sha256").update(data)
	.digest("hex");
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/* A method that takes a callback, as a promise. */
function ask(client, method, ...args)
{
	return new Promise((done, failed) => {
		client[method](...args, (error, result) =>
		    error ? failed(error) : done(result));
	});
}

/* What it says when it is refused. */
async function refusal(client, method, ...args)
{
	try {
		await ask(client, method, ...args);
	} catch (error) {
		return error.message;
	}
	return null;
}

function connect(more)
{
	return new Promise((done, failed) => {
		const client = new Client();

		client.on("ready", () => done(client));
		client.on("error", failed);
		client.connect({
			host: "127.0.0.1", port: given.port,
			username: given.user,
			privateKey: fs.readFileSync(given.key),
			hostHash: "sha256",
			hostVerifier: (hash) => hash === given.hostHash,
			strictVendor: false,	/* it is no OpenSSH by name */
			...more
		});
	});
}

function open(client, port)
{
	return ask(client, "forwardOut", "127.0.0.1", 0,
	    given.agent + ".orthrus", port);
}

/* Writes data and an end; everything that comes back. */
function exchange(stream, data)
{
	return new Promise((done, failed) => {
		const parts = [];

		stream.on("data", (part) => parts.push(part));
		stream.on("end", () => done(Buffer.concat(parts)));
		stream.on("error", failed);
		stream.end(data);
	});
}

async function echoes(client, port, size)
{
	const data = crypto.randomBytes(size);
	const back = await exchange(await open(client, port), data);

	return digest(back) === digest(data);
}

async function page(client, port)
{
	const stream = await open(client, port);

	return new Promise((done, failed) => {
		http.get({ path: "/5/100000", createConnection: () => stream,
		    headers: { Host: "x", Connection: "close" } }, (answer) => {
			const parts = [];

			answer.on("data", (part) => parts.push(part));
			answer.on("end", () =>
			    done(digest(Buffer.concat(parts))));
		}).on("error", failed);
	});
}

async function main()
{
	const client = await connect({ keepaliveInterval: 300,
	    keepaliveCountMax: 2 });
	const data = crypto.randomBytes(given.size);
	let began, stream;

	began = process.hrtime.bigint();
	found.both_ways = await echoes(client, given.echo, given.size);
	found.seconds = Number(process.hrtime.bigint() - began) / 1e9;
	stream = await open(client, given.digest);
	found.half_close = (await exchange(stream, data)).toString() ===
	    digest(data);
	found.page = await page(client, given.web);
	stream = await ask(client, "openssh_forwardOutStreamLocal",
	    `/${given.agent}/${given.digest}.sock`);
	found.unix = (await exchange(stream, data)).toString() ===
	    digest(data);
	found.at_once = (await Promise.all(Array.from({ length: 100 }, () =>
	    echoes(client, given.echo, 5000)))).filter((ok) => ok).length;

	found.exec = await refusal(client, "exec", "id");
	found.terminal = await refusal(client, "shell");
	found.shell = await refusal(client, "shell", false);
	found.sftp = await refusal(client, "sftp");
	found.subsys = await refusal(client, "subsys", "netconf");
	found.forward_in = await refusal(client, "forwardIn", "127.0.0.1",
	    given.free);
	found.unix_in = await refusal(client, "openssh_forwardInStreamLocal",
	    `/${given.agent}/${given.free}.sock`);
	found.beyond = await refusal(client, "forwardOut", "127.0.0.1", 0,
	    given.agent + ".orthrus", given.free);
	found.egress = await refusal(client, "forwardOut", "127.0.0.1", 0,
	    "127.0.0.1", given.echo);

	await pause(1500);	/* five keepalives, two unanswered are fatal */
	found.kept = await echoes(client, given.echo, 1000);
	client.end();

	try {
		(await connect({ username: "nobody" })).end();
		found.stranger = null;
	} catch (error) {
		found.stranger = error.message;
	}
	try {
		(await connect({ hostVerifier: () => false })).end();
		found.wrong_host = null;
	} catch (error) {
		found.wrong_host = error.message;
	}
	console.log(JSON.stringify(found));
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
