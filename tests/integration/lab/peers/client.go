// SPDX-License-Identifier: ISC
// A client of golang.org/x/crypto/ssh: see ssh_clients.py.
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

	"golang.org/x/crypto/ssh"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	a := os.Args
	text, err := os.ReadFile(a[3])
	must(err)
	key, err := ssh.ParsePrivateKey(text)
	must(err)
	known := func(_ string, _ net.Addr, host ssh.PublicKey) error {
		if ssh.FingerprintSHA256(host) != a[4] {
			return errors.New("another host key")
		}
		return nil
	}
	client, err := ssh.Dial("tcp", "127.0.0.1:"+a[1], &ssh.ClientConfig{
		User: a[2], Auth: []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: known})
	must(err)
	size, err := strconv.Atoi(a[6])
	must(err)
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i*31 + i/251)
	}
	open := func(port string) net.Conn {
		conn, err := client.Dial("tcp", a[5]+".orthrus:"+port)
		must(err)
		return conn
	}
	exchange := func(conn net.Conn) []byte {
		go func() {
			conn.Write(data)
			conn.(interface{ CloseWrite() error }).CloseWrite()
		}()
		back, err := io.ReadAll(conn)
		must(err)
		conn.Close()
		return back
	}

	fmt.Println("echo", bytes.Equal(exchange(open(a[7])), data))
	fmt.Println("digest", string(exchange(open(a[8]))))
	conn := open(a[9])
	back, err := io.ReadAll(conn)
	must(err)
	conn.Close()
	fmt.Println("speaks", len(back))

	conn = open(a[10]) // it ends with CHANNEL_CLOSE alone
	conn.Write(data)
	conn.Close()

	conn, err = client.Dial("unix", a[12])
	must(err)
	fmt.Println("unix", string(exchange(conn)))
	_, err = client.Dial("tcp", a[5]+".orthrus:"+a[11])
	fmt.Println("refused", err)
	client.Close()
}
