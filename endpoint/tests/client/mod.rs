//! A browser's half of the protocol, as far as tests need it.

pub mod frame;

use endpoint::tokens::Tokens;
use endpoint::{Certificates, Config, Limits, PATH, Server};
use std::time::Duration;
use tokio::time::timeout;
use uplink::{Decoder, End, Hello, Member, Message, VERSION};
use vlan::batch;
use wtransport::tls::Sha256Digest;
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};

/// How long an answer may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn server() -> Server {
    server_with(|config| config).await
}

/// A server at a port of its own, whose certificates are gone with the process.
pub async fn server_with(change: impl FnOnce(Config) -> Config) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let config = change(Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        names: vec!["127.0.0.1".to_owned()],
        certificates: Certificates::Own(folder.path().to_owned()),
        tokens: Tokens::open(),
        limits: Limits::default(),
        metrics: None,
        any_origin: false,
    });
    Server::start(config).await.unwrap()
}

/// The LAN `10.7.NUMBER.0/24`.
pub fn hello(room: &str, number: u8) -> Hello {
    let (room, name) = (room.to_owned(), format!("browser-{number}"));
    Hello { version: VERSION, datagrams: false, a: 7, b: number, key: [number; 16], room, name, token: String::new() }
}

pub struct Client {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    decoder: Decoder,
    pings: u64,
}

impl Client {
    /// A session before its hello, if the endpoint takes one more.
    pub async fn connect(server: &Server) -> Option<Client> {
        let hashes = [Sha256Digest::new(server.hash)];
        let config = ClientConfig::builder().with_bind_default().with_server_certificate_hashes(hashes).build();
        let url = format!("https://{}{PATH}", server.address);
        let connection = Endpoint::client(config).unwrap().connect(url).await.ok()?;
        let (send, receive) = connection.open_bi().await.unwrap().await.unwrap();
        Some(Client { connection, send, receive, decoder: Decoder::default(), pings: 0 })
    }

    async fn begin(server: &Server, hello: Hello) -> Client {
        let mut client = Client::connect(server).await.expect("a session");
        client.send(&Message::Hello(hello)).await;
        client
    }

    pub async fn join(server: &Server, hello: Hello) -> Client {
        let mut client = Client::begin(server, hello).await;
        let first = client.message().await;
        assert!(matches!(first, Message::Welcome(_)), "{first:?}");
        client
    }

    pub async fn refused(server: &Server, hello: Hello) -> End {
        Client::begin(server, hello).await.end().await
    }

    pub async fn send_bytes(&mut self, bytes: &[u8]) {
        self.send.write_all(bytes).await.unwrap();
    }

    pub async fn send(&mut self, message: &Message) {
        self.send_bytes(&message.to_bytes()).await;
    }

    pub async fn send_frame(&mut self, frame: &[u8]) {
        let mut bytes = Vec::new();
        assert!(batch::push(&mut bytes, frame));
        self.send(&Message::Frames(bytes)).await;
    }

    pub fn send_datagram(&self, frame: &[u8]) {
        self.connection.send_datagram(frame).unwrap();
    }

    pub async fn datagram(&self) -> Vec<u8> {
        timeout(PATIENCE, self.connection.receive_datagram()).await.expect("a datagram in time").unwrap().to_vec()
    }

    async fn message(&mut self) -> Message {
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(message) = self.decoder.message().unwrap() {
                return message;
            }
            let count = timeout(PATIENCE, self.receive.read(&mut piece)).await.expect("a message in time").unwrap();
            self.decoder.push(&piece[..count.expect("the stream has ended")]);
        }
    }

    /// The next frame; what else comes is passed over.
    pub async fn frame(&mut self) -> Vec<u8> {
        loop {
            if let Message::Frames(batch) = self.message().await {
                let frames: Vec<_> = batch::frames(&batch, 65_549).unwrap().collect();
                assert_eq!(frames.len(), 1);
                return frames[0].to_vec();
            }
        }
    }

    /// Waits until such members are told of.
    pub async fn members(&mut self, wanted: impl Fn(&[Member]) -> bool) -> Vec<Member> {
        loop {
            if let Message::Members(members) = self.message().await
                && wanted(&members)
            {
                return members;
            }
        }
    }

    /// Everything that was under way before has come when a ping is answered; none of it was a frame, nor the end.
    pub async fn nothing_but_answers(&mut self) {
        self.pings += 1;
        self.send(&Message::Ping(self.pings)).await;
        loop {
            match self.message().await {
                Message::Pong(number) if number == self.pings => return,
                Message::Members(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the last word.
    pub async fn end(&mut self) -> End {
        loop {
            if let Message::End(end) = self.message().await {
                return end;
            }
        }
    }

    /// Waits until the session is over.
    pub async fn closed(&mut self) {
        self.connection.closed().await;
    }
}
