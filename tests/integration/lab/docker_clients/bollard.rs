// SPDX-License-Identifier: ISC
//! bollard, the library of Komodo and of most tools in Rust.

use std::collections::HashMap;

use bollard::query_parameters::*;
use bollard::{Docker, API_DEFAULT_VERSION};
use futures_util::stream::StreamExt;

type Asked = Result<String, Box<dyn std::error::Error>>;

fn joined(mut names: Vec<String>) -> String {
    names.sort();
    names.join(",")
}

fn filters(key: &str, value: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([(key.to_string(), vec![value.to_string()])])
}

async fn list(docker: &Docker, options: ListContainersOptions) -> Asked {
    let found = docker.list_containers(Some(options)).await?;
    Ok(joined(
        found
            .into_iter()
            .filter_map(|c| Some(c.names?.first()?.replacen('/', "", 1)))
            .collect(),
    ))
}

async fn logs(docker: &Docker) -> Asked {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).build();
    let mut stream = docker.logs("done", Some(options));
    let mut said = Vec::new();
    while let Some(part) = stream.next().await {
        said.push(part?.to_string().trim().to_string());
    }
    Ok(joined(said))
}

async fn follow(docker: &Docker) -> Asked {
    let options = LogsOptionsBuilder::new().stdout(true).follow(true).tail("0").build();
    let mut stream = docker.logs("web", Some(options));
    let line = stream.next().await.ok_or("the stream ended")??;
    Ok(line.to_string().trim().to_string())
}

async fn stats(docker: &Docker, options: StatsOptions, readings: usize) -> Asked {
    let mut stream = docker.stats("web", Some(options));
    let mut names = Vec::new();
    while names.len() < readings {
        let reading = stream.next().await.ok_or("the stream ended")??;
        names.push(reading.name.unwrap_or_default().replacen('/', "", 1));
    }
    Ok(joined(names))
}

async fn event(docker: &Docker) -> Asked {
    let options = EventsOptionsBuilder::new().filters(&filters("type", "image")).build();
    let mut stream = docker.events(Some(options));
    let event = stream.next().await.ok_or("the stream ended")??;
    Ok(event.action.unwrap_or_default())
}

async fn networks(docker: &Docker) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let found = docker.list_networks(None::<ListNetworksOptions>).await?;
    let mut names: Vec<String> = found.into_iter().filter_map(|n| n.name).collect();
    names.sort();
    Ok(names)
}

async fn ask(docker: &Docker, name: &str) -> Asked {
    Ok(match name {
        "ping" => docker.ping().await?.to_lowercase(),
        "version" => docker.version().await?.api_version.unwrap_or_default(),
        "info" => docker.info().await?.containers.unwrap_or(-1).to_string(),
        "list" => list(docker, ListContainersOptionsBuilder::new().all(true).build()).await?,
        "filter" => {
            let options = ListContainersOptionsBuilder::new().filters(&filters("label", "role"));
            list(docker, options.build()).await?
        }
        "inspect" => {
            let options = InspectContainerOptionsBuilder::new().size(true).build();
            let found = docker.inspect_container("web", Some(options)).await?;
            joined(found.config.and_then(|c| c.env).unwrap_or_default())
        }
        "logs" => logs(docker).await?,
        "follow" => follow(docker).await?,
        "stats" => stats(docker, StatsOptionsBuilder::new().stream(true).build(), 2).await?,
        "once" => stats(docker, StatsOptionsBuilder::new().stream(false).build(), 1).await?,
        "top" => {
            let found = docker.top_processes("web", None::<TopOptions>).await?;
            let running = format!("{:?}", found.processes).contains("sleep");
            (if running { "sleep" } else { "no" }).to_string()
        }
        "changes" => {
            let found = docker.container_changes("done").await?.unwrap_or_default();
            joined(found.into_iter().map(|c| c.path).filter(|p| p == "/new").collect())
        }
        "events" => event(docker).await?,
        "images" => {
            let found = docker.list_images(None::<ListImagesOptions>).await?;
            joined(found.into_iter().flat_map(|i| i.repo_tags).collect())
        }
        "image" => docker.inspect_image("bb:1").await?.os.unwrap_or_default(),
        "history" => docker.image_history("bb:1").await?.len().to_string(),
        "networks" => networks(docker).await?.join(","),
        "network" => {
            let names = networks(docker).await?;
            let options = InspectNetworkOptionsBuilder::new().verbose(true).build();
            let found = docker.inspect_network(&names[0], Some(options)).await?;
            found.driver.unwrap_or_default()
        }
        "volumes" => {
            let found = docker.list_volumes(None::<ListVolumesOptions>).await?;
            joined(found.volumes.unwrap_or_default().into_iter().map(|v| v.name).collect())
        }
        "volume" => docker.inspect_volume("nfs").await?.driver,
        _ => return Err("no such question".into()),
    })
}

const ALL: &str = "ping version info list filter inspect logs follow stats once top changes \
                   events images image history networks network volumes volume";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).ok_or("no address")?;
    let docker = match address.strip_prefix("unix://") {
        Some(path) => Docker::connect_with_unix(path, 20, API_DEFAULT_VERSION)?,
        None => Docker::connect_with_http(&address, 20, API_DEFAULT_VERSION)?,
    };
    let docker = docker.negotiate_version().await?;
    for name in ALL.split_whitespace() {
        let time = std::time::Duration::from_secs(20);
        match tokio::time::timeout(time, ask(&docker, name)).await {
            Ok(Ok(got)) => println!("{name} {got}"),
            Ok(Err(e)) => println!("{name} failed: {e:?}"),
            Err(_) => println!("{name} failed: no answer"),
        }
    }
    Ok(())
}
