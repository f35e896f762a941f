//! Two browsers on hosts of their own, each with a machine.

use super::common::network::address;
use super::common::{dist, launched};
use driver::{Kind, LaunchOptions, Network};
use e2e::Workbench;
use e2e::peers::Side;
use protocol::InstanceId;

/// A browser with the built extension on a host, whose user pairs through this page.
pub async fn side(kind: Kind, network: &Network, host: usize, name: &'static str, page: &'static str) -> Side {
    Side::new(LaunchOptions::new(kind, dist(kind)), network, host, name, page).await.unwrap()
}

/// A machine that is on the LAN, and its address.
pub async fn machine(side: &Side) -> (InstanceId, String) {
    let workbench = Workbench::open(&side.browser).await.unwrap();
    let (id, mut console) = launched(&workbench).await;
    let address = address(&mut console).await;
    (id, address)
}
