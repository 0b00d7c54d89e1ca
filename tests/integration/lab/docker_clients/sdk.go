// SPDX-License-Identifier: ISC
// The Go SDK, github.com/docker/docker/client, of Traefik, Telegraf and
// nearly all tools in Go.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

var cli *client.Client

func joined(names []string) string {
	sort.Strings(names)
	return strings.Join(names, ",")
}

func list(ctx context.Context, options container.ListOptions) (string, error) {
	found, err := cli.ContainerList(ctx, options)
	names := []string{}
	for _, c := range found {
		names = append(names, strings.TrimPrefix(c.Names[0], "/"))
	}
	return joined(names), err
}

func logs(ctx context.Context) (string, error) {
	stream, err := cli.ContainerLogs(ctx, "done", container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Timestamps: false})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	var said bytes.Buffer
	_, err = stdcopy.StdCopy(&said, &said, stream)
	return joined(strings.Fields(said.String())), err
}

func follow(ctx context.Context) (string, error) {
	stream, err := cli.ContainerLogs(ctx, "web", container.LogsOptions{
		ShowStdout: true, Follow: true, Tail: "0"})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	reader, writer := io.Pipe()
	go stdcopy.StdCopy(writer, io.Discard, stream)
	line, err := bufio.NewReader(reader).ReadString('\n')
	return strings.TrimSpace(line), err
}

func stats(ctx context.Context, stream bool, readings int) (string, error) {
	answer, err := cli.ContainerStats(ctx, "web", stream)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	names, decoder := []string{}, json.NewDecoder(answer.Body)
	for len(names) < readings {
		var reading container.StatsResponse
		if err := decoder.Decode(&reading); err != nil {
			return "", err
		}
		names = append(names, strings.TrimPrefix(reading.Name, "/"))
	}
	return joined(names), nil
}

func top(ctx context.Context) (string, error) {
	found, err := cli.ContainerTop(ctx, "web", nil)
	if strings.Contains(fmt.Sprint(found.Processes), "sleep") {
		return "sleep", err
	}
	return "no", err
}

func changes(ctx context.Context) (string, error) {
	found, err := cli.ContainerDiff(ctx, "done")
	for _, change := range found {
		if change.Path == "/new" {
			return change.Path, err
		}
	}
	return "no", err
}

func event(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found, failed := cli.Events(ctx, events.ListOptions{
		Filters: filters.NewArgs(filters.Arg("type", "image"))})
	select {
	case message := <-found:
		return string(message.Action), nil
	case err := <-failed:
		return "", err
	}
}

func images(ctx context.Context) (string, error) {
	found, err := cli.ImageList(ctx, image.ListOptions{SharedSize: true})
	names := []string{}
	for _, i := range found {
		names = append(names, i.RepoTags...)
	}
	return joined(names), err
}

func networks(ctx context.Context) ([]string, error) {
	found, err := cli.NetworkList(ctx, network.ListOptions{})
	names := []string{}
	for _, n := range found {
		names = append(names, n.Name)
	}
	sort.Strings(names)
	return names, err
}

var asked = []struct {
	name string
	ask  func(context.Context) (string, error)
}{
	{"ping", func(ctx context.Context) (string, error) {
		got, err := cli.Ping(ctx)
		if err == nil && got.APIVersion == "" {
			err = errors.New("no Api-Version")
		}
		return "ok", err
	}},
	{"version", func(ctx context.Context) (string, error) {
		got, err := cli.ServerVersion(ctx)
		return got.APIVersion, err
	}},
	{"info", func(ctx context.Context) (string, error) {
		got, err := cli.Info(ctx)
		return fmt.Sprint(got.Containers), err
	}},
	{"list", func(ctx context.Context) (string, error) {
		return list(ctx, container.ListOptions{All: true})
	}},
	{"filter", func(ctx context.Context) (string, error) {
		return list(ctx, container.ListOptions{
			Filters: filters.NewArgs(filters.Arg("label", "role"))})
	}},
	{"inspect", func(ctx context.Context) (string, error) {
		got, err := cli.ContainerInspect(ctx, "web")
		if err != nil {
			return "", err
		}
		return joined(got.Config.Env), err
	}},
	{"logs", logs},
	{"follow", follow},
	{"stats", func(ctx context.Context) (string, error) {
		return stats(ctx, true, 2)
	}},
	{"once", func(ctx context.Context) (string, error) {
		return stats(ctx, false, 1)
	}},
	{"top", top},
	{"changes", changes},
	{"events", event},
	{"images", images},
	{"image", func(ctx context.Context) (string, error) {
		got, err := cli.ImageInspect(ctx, "bb:1")
		return got.Os, err
	}},
	{"history", func(ctx context.Context) (string, error) {
		got, err := cli.ImageHistory(ctx, "bb:1")
		return fmt.Sprint(len(got)), err
	}},
	{"networks", func(ctx context.Context) (string, error) {
		names, err := networks(ctx)
		return joined(names), err
	}},
	{"network", func(ctx context.Context) (string, error) {
		names, err := networks(ctx)
		if err != nil {
			return "", err
		}
		got, err := cli.NetworkInspect(ctx, names[0],
			network.InspectOptions{Verbose: true, Scope: "local"})
		return got.Driver, err
	}},
	{"volumes", func(ctx context.Context) (string, error) {
		got, err := cli.VolumeList(ctx, volume.ListOptions{})
		names := []string{}
		for _, v := range got.Volumes {
			names = append(names, v.Name)
		}
		return joined(names), err
	}},
	{"volume", func(ctx context.Context) (string, error) {
		got, err := cli.VolumeInspect(ctx, "nfs")
		return got.Driver, err
	}},
	{"df", func(ctx context.Context) (string, error) {
		got, err := cli.DiskUsage(ctx, types.DiskUsageOptions{
			Types: []types.DiskUsageObject{types.ContainerObject,
				types.ImageObject, types.VolumeObject}})
		names := []string{}
		for _, c := range got.Containers {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
		return joined(names), err
	}},
}

func main() {
	var err error
	cli, err = client.NewClientWithOpts(client.WithHost(os.Args[1]),
		client.WithAPIVersionNegotiation())
	if err != nil {
		panic(err)
	}
	for _, a := range asked {
		ctx, cancel := context.WithTimeout(context.Background(),
			20*time.Second)
		got, err := a.ask(ctx)
		cancel()
		if err != nil {
			got = "failed: " + err.Error()
		}
		fmt.Println(a.name, got)
	}
}
