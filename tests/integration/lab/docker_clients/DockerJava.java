// SPDX-License-Identifier: ISC
// docker-java, the library of Testcontainers and Jenkins.

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.model.Event;
import com.github.dockerjava.api.model.EventType;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.Statistics;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.httpclient5.ApacheDockerHttpClient;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

class DockerJava {
	static DockerClient docker;

	static String joined(Stream<String> names) {
		return names.sorted().collect(Collectors.joining(","));
	}

	/** Keeps what comes, and ends the stream when it is closed. */
	static class Kept<T> extends ResultCallback.Adapter<T> {
		final BlockingQueue<T> got = new ArrayBlockingQueue<>(1000);

		@Override public void onNext(T item) {
			got.offer(item);
		}

		T next() throws Exception {
			T item = got.poll(20, TimeUnit.SECONDS);
			if (item == null)
				throw new Exception("nothing came");
			return item;
		}
	}

	static String logs() throws Exception {
		Kept<Frame> said = docker.logContainerCmd("done").withStdOut(true)
		    .withStdErr(true).exec(new Kept<>());
		said.awaitCompletion(20, TimeUnit.SECONDS);
		return joined(said.got.stream()
		    .map(f -> new String(f.getPayload()).trim()));
	}

	static String follow() throws Exception {
		try (Kept<Frame> said = docker.logContainerCmd("web").withStdOut(true)
		    .withFollowStream(true).withTail(0).exec(new Kept<>())) {
			return new String(said.next().getPayload()).trim();
		}
	}

	/** The year in which it was read. */
	static String year(Statistics reading) {
		return reading.getRead().substring(0, 4);
	}

	static String stats() throws Exception {
		try (Kept<Statistics> got =
		    docker.statsCmd("web").exec(new Kept<>())) {
			return year(got.next()) + "," + year(got.next());
		}
	}

	static String once() throws Exception {
		try (Kept<Statistics> got = docker.statsCmd("web")
		    .withNoStream(true).exec(new Kept<>())) {
			return year(got.next());
		}
	}

	static String event() throws Exception {
		try (Kept<Event> got = docker.eventsCmd()
		    .withEventTypeFilter(EventType.IMAGE).exec(new Kept<>())) {
			return got.next().getAction();
		}
	}

	static Stream<String> networks() {
		return docker.listNetworksCmd().exec().stream()
		    .map(n -> n.getName()).sorted();
	}

	static String top() {
		boolean runs = Arrays.deepToString(docker.topContainerCmd("web")
		    .exec().getProcesses()).contains("sleep");
		return runs ? "sleep" : "no";
	}

	static Map<String, Callable<Object>> asked() {
		Map<String, Callable<Object>> all = new LinkedHashMap<>();
		all.put("ping", () -> {
			docker.pingCmd().exec();
			return "ok";
		});
		all.put("version", () -> docker.versionCmd().exec().getApiVersion());
		all.put("info", () -> docker.infoCmd().exec().getContainers());
		all.put("list", () -> joined(docker.listContainersCmd()
		    .withShowAll(true).exec().stream()
		    .map(c -> c.getNames()[0].replaceFirst("/", ""))));
		all.put("filter", () -> joined(docker.listContainersCmd()
		    .withLabelFilter(List.of("role")).exec().stream()
		    .map(c -> c.getNames()[0].replaceFirst("/", ""))));
		all.put("inspect", () -> joined(Arrays.stream(docker
		    .inspectContainerCmd("web").exec().getConfig().getEnv())));
		all.put("logs", DockerJava::logs);
		all.put("follow", DockerJava::follow);
		all.put("stats", DockerJava::stats);
		all.put("once", DockerJava::once);
		all.put("top", DockerJava::top);
		all.put("changes", () -> joined(docker.containerDiffCmd("done")
		    .exec().stream().map(c -> c.getPath())
		    .filter(p -> p.equals("/new"))));
		all.put("events", DockerJava::event);
		all.put("images", () -> joined(docker.listImagesCmd().exec().stream()
		    .filter(i -> i.getRepoTags() != null)
		    .flatMap(i -> Arrays.stream(i.getRepoTags()))));
		all.put("image", () ->
		    docker.inspectImageCmd("localhost:5000/org/bb:1").exec().getOs());
		all.put("networks", () -> joined(networks()));
		all.put("network", () -> docker.inspectNetworkCmd()
		    .withNetworkId(networks().findFirst().get()).exec().getDriver());
		all.put("volumes", () -> joined(docker.listVolumesCmd().exec()
		    .getVolumes().stream().map(v -> v.getName())));
		all.put("volume", () ->
		    docker.inspectVolumeCmd("nfs").exec().getDriver());
		return all;
	}

	public static void main(String[] args) throws Exception {
		var config = DefaultDockerClientConfig.createDefaultConfigBuilder()
		    .withDockerHost(args[0]).build();
		docker = DockerClientImpl.getInstance(config,
		    new ApacheDockerHttpClient.Builder()
		    .dockerHost(config.getDockerHost()).build());
		for (var ask : asked().entrySet()) {
			Object got;
			try {
				got = ask.getValue().call();
			} catch (Exception e) {
				got = "failed: " + e.toString().replace('\n', ' ');
			}
			System.out.println(ask.getKey() + " " + got);
		}
		System.exit(0);
	}
}
