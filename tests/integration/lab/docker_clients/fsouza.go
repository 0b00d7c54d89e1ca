// SPDX-License-Identifier: ISC
// go-dockerclient, the older library in Go: docker-gen, ctop, registrator.
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	docker "github.com/fsouza/go-dockerclient"
)

var cli *docker.Client

func joined(names []string) string {
	sort.Strings(names)
	return strings.Join(names, ",")
}

func list(options docker.ListContainersOptions) (string, error) {
	found, err := cli.ListContainers(options)
	names := []string{}
	for _, c := range found {
		names = append(names, strings.TrimPrefix(c.Names[0], "/"))
	}
	return joined(names), err
}

func logs() (string, error) {
	var said bytes.Buffer
	err := cli.Logs(docker.LogsOptions{Container: "done", Stdout: true,
		Stderr: true, OutputStream: &said, ErrorStream: &said})
	return joined(strings.Fields(said.String())), err
}

// Hears one line, then ends the stream.
type listener struct {
	heard chan string
}

func (l listener) Write(line []byte) (int, error) {
	select {
	case l.heard <- strings.TrimSpace(string(line)):
	default:
	}
	return len(line), nil
}

func follow() (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	l := listener{make(chan string, 1)}
	failed := make(chan error, 1)
	go func() {
		failed <- cli.Logs(docker.LogsOptions{Context: ctx,
			Container: "web", Stdout: true, Follow: true, Tail: "0",
			OutputStream: l})
	}()
	select {
	case line := <-l.heard:
		return line, nil
	case err := <-failed:
		return "", err
	}
}

func stats(stream bool, readings int) (string, error) {
	got, failed := make(chan *docker.Stats), make(chan error, 1)
	done := make(chan bool)
	go func() {
		failed <- cli.Stats(docker.StatsOptions{ID: "web", Stats: got,
			Stream: stream, Done: done, Timeout: 20 * time.Second})
	}()
	for i := 0; i < readings; i++ {
		if reading, more := <-got; !more || reading.Read.IsZero() {
			return "", <-failed
		}
	}
	if stream {
		close(done)
	}
	return fmt.Sprint(readings), nil
}

func event() (string, error) {
	got := make(chan *docker.APIEvents, 100)
	if err := cli.AddEventListenerWithOptions(docker.EventsOptions{
		Filters: map[string][]string{"type": {"image"}}}, got); err != nil {
		return "", err
	}
	defer cli.RemoveEventListener(got)
	select {
	case message := <-got:
		return message.Action, nil
	case <-time.After(20 * time.Second):
		return "", fmt.Errorf("no event came")
	}
}

func networks() ([]docker.Network, error) {
	found, err := cli.ListNetworks()
	sort.Slice(found, func(i, j int) bool {
		return found[i].Name < found[j].Name
	})
	return found, err
}

var asked = []struct {
	name string
	ask  func() (string, error)
}{
	{"ping", func() (string, error) { return "ok", cli.Ping() }},
	{"version", func() (string, error) {
		got, err := cli.Version()
		if err != nil {
			return "", err
		}
		return got.Get("ApiVersion"), nil
	}},
	{"info", func() (string, error) {
		got, err := cli.Info()
		if err != nil {
			return "", err
		}
		return fmt.Sprint(got.Containers), nil
	}},
	{"list", func() (string, error) {
		return list(docker.ListContainersOptions{All: true})
	}},
	{"filter", func() (string, error) {
		return list(docker.ListContainersOptions{
			Filters: map[string][]string{"label": {"role"}}})
	}},
	{"inspect", func() (string, error) {
		got, err := cli.InspectContainerWithOptions(
			docker.InspectContainerOptions{ID: "web"})
		if err != nil {
			return "", err
		}
		return joined(got.Config.Env), nil
	}},
	{"logs", logs},
	{"follow", follow},
	{"stats", func() (string, error) { return stats(true, 2) }},
	{"once", func() (string, error) { return stats(false, 1) }},
	{"top", func() (string, error) {
		got, err := cli.TopContainer("web", "")
		if strings.Contains(fmt.Sprint(got.Processes), "sleep") {
			return "sleep", err
		}
		return "no", err
	}},
	{"changes", func() (string, error) {
		got, err := cli.ContainerChanges("done")
		for _, change := range got {
			if change.Path == "/new" {
				return change.Path, err
			}
		}
		return "no", err
	}},
	{"events", event},
	{"images", func() (string, error) {
		found, err := cli.ListImages(docker.ListImagesOptions{})
		names := []string{}
		for _, i := range found {
			names = append(names, i.RepoTags...)
		}
		return joined(names), err
	}},
	{"image", func() (string, error) {
		got, err := cli.InspectImage("bb:1")
		if err != nil {
			return "", err
		}
		return got.OS, nil
	}},
	{"history", func() (string, error) {
		got, err := cli.ImageHistory("bb:1")
		return fmt.Sprint(len(got)), err
	}},
	{"networks", func() (string, error) {
		found, err := networks()
		names := []string{}
		for _, n := range found {
			names = append(names, n.Name)
		}
		return joined(names), err
	}},
	{"network", func() (string, error) {
		found, err := networks()
		if err != nil {
			return "", err
		}
		got, err := cli.NetworkInfo(found[0].ID)
		if err != nil {
			return "", err
		}
		return got.Driver, nil
	}},
	{"volumes", func() (string, error) {
		found, err := cli.ListVolumes(docker.ListVolumesOptions{})
		names := []string{}
		for _, v := range found {
			names = append(names, v.Name)
		}
		return joined(names), err
	}},
	{"volume", func() (string, error) {
		got, err := cli.InspectVolume("nfs")
		if err != nil {
			return "", err
		}
		return got.Driver, nil
	}},
	{"df", func() (string, error) {
		got, err := cli.DiskUsage(docker.DiskUsageOptions{})
		if err != nil {
			return "", err
		}
		names := []string{}
		for _, c := range got.Containers {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
		return joined(names), nil
	}},
}

func main() {
	var err error
	cli, err = docker.NewClient(os.Args[1])
	if err != nil {
		panic(err)
	}
	for _, a := range asked {
		got, err := a.ask()
		if err != nil {
			got = "failed: " + err.Error()
		}
		fmt.Println(a.name, got)
	}
}
