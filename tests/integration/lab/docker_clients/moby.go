// SPDX-License-Identifier: ISC
// The Go SDK as it is called since Docker 29, github.com/moby/moby/client:
// Dozzle, Diun, Telegraf, Prometheus and Netdata have gone over to it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

var cli *client.Client

func joined(names []string) string {
	sort.Strings(names)
	return strings.Join(names, ",")
}

func list(ctx context.Context, options client.ContainerListOptions) (string, error) {
	found, err := cli.ContainerList(ctx, options)
	names := []string{}
	for _, c := range found.Items {
		names = append(names, strings.TrimPrefix(c.Names[0], "/"))
	}
	return joined(names), err
}

func logs(ctx context.Context) (string, error) {
	stream, err := cli.ContainerLogs(ctx, "done", client.ContainerLogsOptions{
		ShowStdout: true, ShowStderr: true,
		Since: time.Unix(1, 0).Format(time.RFC3339Nano),
		Until: time.Now().Add(time.Hour).Format(time.RFC3339Nano)})
	if err != nil {
		return "", err
	}
	defer stream.Close()
	var said bytes.Buffer
	_, err = stdcopy.StdCopy(&said, &said, stream)
	return joined(strings.Fields(said.String())), err
}

func follow(ctx context.Context) (string, error) {
	stream, err := cli.ContainerLogs(ctx, "web", client.ContainerLogsOptions{
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

func stats(ctx context.Context, options client.ContainerStatsOptions,
	readings int) (string, error) {
	answer, err := cli.ContainerStats(ctx, "web", options)
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
	found, err := cli.ContainerTop(ctx, "web", client.ContainerTopOptions{})
	if strings.Contains(fmt.Sprint(found.Processes), "sleep") {
		return "sleep", err
	}
	return "no", err
}

func event(ctx context.Context) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	got := cli.Events(ctx, client.EventsListOptions{
		Filters: make(client.Filters).Add("type", "image")})
	select {
	case message := <-got.Messages:
		return string(message.Action), nil
	case err := <-got.Err:
		return "", err
	}
}

func images(ctx context.Context) (string, error) {
	found, err := cli.ImageList(ctx, client.ImageListOptions{
		Manifests: true})
	names := []string{}
	for _, i := range found.Items {
		names = append(names, i.RepoTags...)
	}
	return joined(names), err
}

func networks(ctx context.Context) ([]string, error) {
	found, err := cli.NetworkList(ctx, client.NetworkListOptions{})
	names := []string{}
	for _, n := range found.Items {
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
		_, err := cli.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		return "ok", err
	}},
	{"version", func(ctx context.Context) (string, error) {
		got, err := cli.ServerVersion(ctx, client.ServerVersionOptions{})
		return got.APIVersion, err
	}},
	{"info", func(ctx context.Context) (string, error) {
		got, err := cli.Info(ctx, client.InfoOptions{})
		return fmt.Sprint(got.Info.Containers), err
	}},
	{"list", func(ctx context.Context) (string, error) {
		return list(ctx, client.ContainerListOptions{All: true})
	}},
	{"filter", func(ctx context.Context) (string, error) {
		return list(ctx, client.ContainerListOptions{
			Filters: make(client.Filters).Add("label", "role")})
	}},
	{"inspect", func(ctx context.Context) (string, error) {
		got, err := cli.ContainerInspect(ctx, "web",
			client.ContainerInspectOptions{Size: true})
		if err != nil {
			return "", err
		}
		return joined(got.Container.Config.Env), err
	}},
	{"logs", logs},
	{"follow", follow},
	{"stats", func(ctx context.Context) (string, error) {
		return stats(ctx, client.ContainerStatsOptions{Stream: true}, 2)
	}},
	{"once", func(ctx context.Context) (string, error) {
		return stats(ctx, client.ContainerStatsOptions{}, 1)
	}},
	{"top", top},
	{"events", event},
	{"images", images},
	{"image", func(ctx context.Context) (string, error) {
		got, err := cli.ImageInspect(ctx, "bb:1")
		return got.Os, err
	}},
	{"history", func(ctx context.Context) (string, error) {
		got, err := cli.ImageHistory(ctx, "bb:1")
		return fmt.Sprint(len(got.Items)), err
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
			client.NetworkInspectOptions{})
		return got.Network.Driver, err
	}},
	{"volumes", func(ctx context.Context) (string, error) {
		got, err := cli.VolumeList(ctx, client.VolumeListOptions{})
		names := []string{}
		for _, v := range got.Items {
			names = append(names, v.Name)
		}
		return joined(names), err
	}},
	{"volume", func(ctx context.Context) (string, error) {
		got, err := cli.VolumeInspect(ctx, "nfs",
			client.VolumeInspectOptions{})
		return got.Volume.Driver, err
	}},
	{"df", func(ctx context.Context) (string, error) {
		got, err := cli.DiskUsage(ctx, client.DiskUsageOptions{
			Containers: true, Images: true, Volumes: true, Verbose: true})
		names := []string{}
		for _, c := range got.Containers.Items {
			names = append(names, strings.TrimPrefix(c.Names[0], "/"))
		}
		return joined(names), err
	}},
}

func main() {
	var err error
	cli, err = client.New(client.WithHost(os.Args[1]))
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
