// SPDX-License-Identifier: ISC
// A tunnel on ssh2 for Node, as short as its documentation makes it, with the
// three kinds of forward that bench/run measures:
//
//	node ssh2.js PORT KEY-FILE L|R|D LISTEN-PORT TARGET-PORT
'use strict';

const fs = require('fs');
const net = require('net');
const { Client } = require('ssh2');

const [port, key, kind, listen, target] = process.argv.slice(2);
const LOCAL = '127.0.0.1';
const client = new Client();

function join(a, b) {
	a.on('error', () => b.destroy());
	b.on('error', () => a.destroy());
	a.pipe(b);
	b.pipe(a);
}

function open(socket, host, to, done) {
	client.forwardOut(LOCAL, socket.remotePort || 0, host, to,
	    (error, stream) => {
		if (error)
			socket.destroy();
		else
			done(stream);
	});
}

function forward(socket) {
	open(socket, LOCAL, Number(target), (stream) => join(socket, stream));
}

// CONNECT with an IPv4 address; each message comes in one piece here.
function socks(socket) {
	socket.once('data', () => {
		socket.write(Buffer.from([5, 0]));
		socket.once('data', (request) => {
			const host = [...request.subarray(4, 8)].join('.');

			socket.pause();
			open(socket, host, request.readUInt16BE(8), (stream) => {
				socket.write(Buffer.from(
				    [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
				join(socket, stream);
			});
		});
	});
}

function serve(welcome) {
	net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
		socket.on('error', () => {});
		welcome(socket);
	}).listen({ host: LOCAL, port: Number(listen), backlog: 1024 });
}

client.on('ready', () => {
	client.setNoDelay(true);
	if (kind === 'R')
		client.forwardIn(LOCAL, Number(listen), (error) => {
			if (error)
				throw error;
		});
	else
		serve(kind === 'D' ? socks : forward);
});
client.on('tcp connection', (_, accept) => {
	const socket = net.connect({ host: LOCAL, port: Number(target),
	    noDelay: true, allowHalfOpen: true });

	join(socket, accept());
});
client.connect({ host: LOCAL, port: Number(port), username: 'root',
    privateKey: fs.readFileSync(key) });
