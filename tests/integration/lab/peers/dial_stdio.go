// SPDX-License-Identifier: ISC
// What Docker's Go programs (CLI, compose, buildx) make of DOCKER_HOST=ssh://:
// their own helper runs ssh and the command in it.  Prints /version's answer.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/docker/cli/cli/connhelper"
)

func main() {
	helper, err := connhelper.GetConnectionHelper(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	client := http.Client{Transport: &http.Transport{
		DialContext: helper.Dialer}}
	answer, err := client.Get(helper.Host + "/version")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer answer.Body.Close()
	fmt.Println(answer.StatusCode)
	io.Copy(os.Stdout, answer.Body)
}
