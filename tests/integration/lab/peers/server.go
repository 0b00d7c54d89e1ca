// SPDX-License-Identifier: ISC
// A server of golang.org/x/crypto/ssh in the usual copy-and-close shape: a
// stream ends with CHANNEL_CLOSE alone.
//
//	server HOST_KEY USER_KEY.pub ADDRESS FORWARDS
//
// Listens on ADDRESS and prints the port.  What a client asks for is listened
// on at FORWARDS (empty: every interface), whatever the client said.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"

	"golang.org/x/crypto/ssh"
)

type direct struct {
	Host   string
	Port   uint32
	Origin string
	From   uint32
}

type directUnix struct {
	Path     string
	Reserved string
	Unused   uint32
}

type forward struct {
	Host string
	Port uint32
}

// Both copies; whichever ends first closes both sides.
func join(channel ssh.Channel, conn net.Conn) {
	var once sync.Once
	end := func() {
		channel.Close()
		conn.Close()
	}
	go func() {
		io.Copy(channel, conn)
		once.Do(end)
	}()
	go func() {
		io.Copy(conn, channel)
		once.Do(end)
	}()
}

func dial(wanted ssh.NewChannel) {
	var conn net.Conn
	var err error

	switch wanted.ChannelType() {
	case "direct-tcpip":
		var to direct
		if err = ssh.Unmarshal(wanted.ExtraData(), &to); err == nil {
			conn, err = net.Dial("tcp", net.JoinHostPort(to.Host,
				strconv.Itoa(int(to.Port))))
		}
	case "direct-streamlocal@openssh.com":
		var to directUnix
		if err = ssh.Unmarshal(wanted.ExtraData(), &to); err == nil {
			conn, err = net.Dial("unix", to.Path)
		}
	default:
		wanted.Reject(ssh.UnknownChannelType, "no")
		return
	}
	if err != nil {
		wanted.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := wanted.Accept()
	if err != nil {
		conn.Close()
		return
	}
	go ssh.DiscardRequests(requests)
	join(channel, conn)
}

// Listens for a -R; the listener lives as long as the session.
func listen(client *ssh.ServerConn, request *ssh.Request) net.Listener {
	var want forward

	if ssh.Unmarshal(request.Payload, &want) != nil {
		request.Reply(false, nil)
		return nil
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Args[4],
		strconv.Itoa(int(want.Port))))
	if err != nil {
		request.Reply(false, nil)
		return nil
	}
	port := uint32(listener.Addr().(*net.TCPAddr).Port)
	if want.Port == 0 {
		request.Reply(true, ssh.Marshal(struct{ Port uint32 }{port}))
	} else {
		request.Reply(true, nil)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			channel, requests, err := client.OpenChannel(
				"forwarded-tcpip", ssh.Marshal(direct{
					want.Host, port, "127.0.0.1", 1}))
			if err != nil {
				conn.Close()
				continue
			}
			go ssh.DiscardRequests(requests)
			join(channel, conn)
		}
	}()
	return listener
}

func cancel(listeners []net.Listener, request *ssh.Request) bool {
	var want forward

	if ssh.Unmarshal(request.Payload, &want) != nil {
		return false
	}
	for _, l := range listeners {
		if uint32(l.Addr().(*net.TCPAddr).Port) == want.Port {
			return l.Close() == nil
		}
	}
	return false
}

func serve(conn net.Conn, config *ssh.ServerConfig) {
	client, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go func() {
		var listeners []net.Listener
		for request := range requests {
			switch request.Type {
			case "tcpip-forward":
				l := listen(client, request)
				if l != nil {
					listeners = append(listeners, l)
				}
			case "cancel-tcpip-forward":
				request.Reply(cancel(listeners, request), nil)
			default:
				request.Reply(false, nil)
			}
		}
		for _, l := range listeners {
			l.Close()
		}
	}()
	for wanted := range channels {
		go dial(wanted)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	user, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		log.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata,
		key ssh.PublicKey) (*ssh.Permissions, error) {
		if !bytes.Equal(key.Marshal(), user.Marshal()) {
			return nil, errors.New("not this key")
		}
		return nil, nil
	}}
	text, err = os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		log.Fatal(err)
	}
	config.AddHostKey(key)
	listener, err := net.Listen("tcp", net.JoinHostPort(os.Args[3], "0"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, config)
	}
}
