//! An endpoint of another version of the protocol, for tests: it answers every hello by an end that says so. The version is its one argument.

use std::time::Duration;
use tokio::time::timeout;
use uplink::{End, Message, Reason};
use wtransport::endpoint::IncomingSession;
use wtransport::tls::Sha256DigestFmt;
use wtransport::{Endpoint, Identity, ServerConfig};

/// No test lasts longer.
const LONGEST: Duration = Duration::from_secs(900);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let version: u16 = std::env::args().nth(1).unwrap_or_default().parse()?;
    let identity = Identity::self_signed(["127.0.0.1"])?;
    let hash =
        identity.certificate_chain().as_slice().first().map(|first| first.hash().fmt(Sha256DigestFmt::DottedHex));
    let config = ServerConfig::builder().with_bind_address("127.0.0.1:0".parse()?).with_identity(identity);
    let server = Endpoint::server(config.build())?;
    println!("address: https://{}/lan", server.local_addr()?);
    println!("certificate hash: {}", hash.unwrap_or_default());
    let serve = async {
        loop {
            // Firefox makes a second connection ahead, on which it asks for nothing: nobody may have to wait for that one.
            let incoming = server.accept().await;
            tokio::spawn(async move {
                // Who does not get through asks again.
                drop(answer(incoming, version).await);
            });
        }
    };
    let _ = timeout(LONGEST, serve).await;
    Ok(())
}

async fn answer(incoming: IncomingSession, version: u16) -> Result<(), Failure> {
    let connection = incoming.await?.accept().await?;
    let (mut send, mut receive) = connection.accept_bi().await?;
    receive.read(&mut [0; 64]).await?;
    let end = End { reason: Reason::Version, version, text: "No.".to_owned() };
    send.write_all(&Message::End(end).to_bytes()).await?;
    send.finish().await?;
    let _ = timeout(Duration::from_secs(5), connection.closed()).await;
    Ok(())
}
