// SPDX-License-Identifier: ISC
//! A client of russh: see ssh_clients.py.

use std::sync::Arc;

use russh::client::{self, Handle, Msg};
use russh::keys::{self, HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::Channel;
use tokio::io::{split, AsyncReadExt, AsyncWriteExt};

type Failure = Box<dyn std::error::Error>;

struct Known(String);

impl client::Handler for Known {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        key: &PublicKeyOrCertificate,
    ) -> Result<bool, russh::Error> {
        Ok(match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                key.fingerprint(HashAlg::Sha256).to_string() == self.0
            }
            _ => false,
        })
    }
}

async fn exchange(channel: Channel<Msg>, data: &[u8]) -> Result<Vec<u8>, Failure> {
    let (mut reader, mut writer) = split(channel.into_stream());
    let mut back = Vec::new();
    let sent = async {
        writer.write_all(data).await?;
        writer.shutdown().await
    };
    let (sent, got) = tokio::join!(sent, reader.read_to_end(&mut back));
    sent?;
    got?;
    Ok(back)
}

async fn open(ssh: &Handle<Known>, agent: &str, port: &str) -> Result<Channel<Msg>, Failure> {
    let host = format!("{agent}.orthrus");
    Ok(ssh
        .channel_open_direct_tcpip(host, port.parse()?, "127.0.0.1", 1)
        .await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let a: Vec<String> = std::env::args().collect();
    let size: usize = a[6].parse()?;
    let data: Vec<u8> = (0..size).map(|i| (i * 31 + i / 251) as u8).collect();
    let address = format!("127.0.0.1:{}", a[1]);
    let config = Arc::new(client::Config::default());
    let mut ssh = client::connect(config, address, Known(a[4].clone())).await?;
    let key = keys::load_secret_key(&a[3], None)?;
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    if !ssh.authenticate_publickey(&a[2], key).await?.success() {
        return Err("refused".into());
    }

    let back = exchange(open(&ssh, &a[5], &a[7]).await?, &data).await?;
    println!("echo {}", back == data);
    let back = exchange(open(&ssh, &a[5], &a[8]).await?, &data).await?;
    println!("digest {}", String::from_utf8(back)?);
    let mut back = Vec::new();
    let channel = open(&ssh, &a[5], &a[9]).await?;
    channel.into_stream().read_to_end(&mut back).await?;
    println!("speaks {}", back.len());

    // It ends with CHANNEL_CLOSE alone.
    let channel = open(&ssh, &a[5], &a[10]).await?;
    channel.data(&data[..]).await?;
    channel.close().await?;

    let channel = ssh.channel_open_direct_streamlocal(&a[12]).await?;
    let back = exchange(channel, &data).await?;
    println!("unix {}", String::from_utf8(back)?);
    if let Err(e) = open(&ssh, &a[5], &a[11]).await {
        println!("refused {e}");
    }
    ssh.disconnect(russh::Disconnect::ByApplication, "done", "")
        .await?;
    Ok(())
}
