//! Hosts of their own for browsers: network namespaces (ip-netns(8)) on one virtual switch.
//!
//! A [`Network`] has no way to anywhere else. Programs in a namespace listen on its own loopback; a port of it is
//! made one of this machine's, so that a driver in there is spoken to like any other.

use crate::cable::{Cable, Quality};
use crate::{Error, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Numbers networks within this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The least number of an interface that is a macvtap device: other interfaces have small ones.
const TAPS: u32 = 1 << 20;
/// Numbers macvtap devices within this process.
static NEXT_TAP: AtomicU32 = AtomicU32::new(0);

/// Hosts on one switch; they are gone when it is dropped.
#[derive(Debug)]
pub struct Network {
    name: String,
    hosts: usize,
    cables: BTreeMap<usize, Cable>,
    /// Whose cables the kernel has lose frames.
    lossy: BTreeSet<usize>,
}

impl Network {
    /// So many hosts, `10.99.0.1` and up. Needs root.
    ///
    /// # Errors
    /// If `ip` is missing and can't be installed, or the kernel refuses.
    pub fn new(hosts: usize) -> Result<Self> {
        setup::apt(&[("iproute2", "ip")])?;
        let name = format!("vmw-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let network = Self { name, hosts, cables: BTreeMap::new(), lossy: BTreeSet::new() };
        let switch = network.switch();
        ip(&["netns", "add", &switch])?;
        // Snooping would want somebody who asks who listens to what: multicast DNS goes to all instead.
        ip(&["-n", &switch, "link", "add", "switch", "type", "bridge", "mcast_snooping", "0"])?;
        ip(&["-n", &switch, "link", "set", "switch", "up"])?;
        for number in 1..=hosts {
            let (host, port) = (network.host(number), format!("port{number}"));
            ip(&["netns", "add", &host])?;
            ip(&["-n", &switch, "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &host])?;
            ip(&["-n", &switch, "link", "set", &port, "master", "switch", "up"])?;
            ip(&["-n", &host, "link", "set", "lo", "up"])?;
            ip(&["-n", &host, "addr", "add", &format!("10.99.0.{number}/24"), "dev", "eth0"])?;
            ip(&["-n", &host, "link", "set", "eth0", "up"])?;
            // Browsers ask for the address that leads to the internet: nobody is there, but there is a way.
            ip(&["-n", &host, "route", "add", "default", "via", "10.99.0.254"])?;
        }
        Ok(network)
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.name)
    }

    /// The namespace of a host; the first is 1.
    pub fn host(&self, number: usize) -> String {
        format!("{}-{number}", self.name)
    }

    /// A socket for datagrams at a host's address.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn udp(&self, number: usize, port: u16) -> io::Result<UdpSocket> {
        let there = File::open(format!("/run/netns/{}", self.host(number)))?;
        // A socket belongs to the namespace of the thread that made it.
        let made = thread::spawn(move || {
            move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network))?;
            UdpSocket::bind((format!("10.99.0.{number}"), port))
        });
        made.join().map_err(|_| io::Error::other("the thread that makes the socket ended"))?
    }

    /// Pulls a host's cable out of the switch, or puts it back.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn plug(&self, number: usize, plugged: bool) -> Result<()> {
        // At the switch's end the host sees its own interface go on, as behind a wall socket.
        let master: &[&str] = if plugged { &["master", "switch"] } else { &["nomaster"] };
        let port = if self.cables.contains_key(&number) { format!("far{number}") } else { format!("port{number}") };
        ip(&[&["-n", &self.switch(), "link", "set", &port], master].concat())
    }

    /// Keeps these hosts from each other, as routers that let nobody in do: they reach the other hosts only. Before any cable of theirs is set.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn part(&self, hosts: &[usize]) -> Result<()> {
        for number in hosts {
            let port = format!("port{number}");
            ip(&["-n", &self.switch(), "link", "set", &port, "type", "bridge_slave", "isolated", "on"])?;
        }
        Ok(())
    }

    /// The command that runs another one on a host. Its process is the other one's.
    pub fn on(&self, number: usize, command: &Command) -> Command {
        inside(&self.host(number), command)
    }

    /// Makes a host's cable take this time for each frame, each way, and lose so many of a hundred. What is on its way comes as it was sent, if it
    /// still takes its time.
    ///
    /// A cable without delay costs the processors nothing: it is the kernel that loses frames, where it can (nft(8)).
    ///
    /// # Errors
    /// If the kernel refuses; then the host may be without a cable.
    pub fn set_cable(&mut self, number: usize, delay: Duration, loss_percent: f64) -> Result<()> {
        if self.lossy.remove(&number) {
            self.lose(number, 0.0)?;
        }
        if delay.is_zero() && loss_percent <= 0.0 {
            return self.mend(number);
        }
        if delay.is_zero() {
            match self.lose(number, loss_percent) {
                Ok(()) => {
                    self.lossy.insert(number);
                    return self.mend(number);
                }
                Err(error) => eprintln!("a cable loses frames in user space, which costs time: {error}"),
            }
        }
        let quality = Quality { delay, loss_percent };
        match self.cables.get(&number) {
            Some(cable) => cable.set(quality),
            None => {
                let cable = self.cut(number, quality)?;
                self.cables.insert(number, cable);
            }
        }
        Ok(())
    }

    /// Has the kernel lose so many of a hundred frames of a host, each way.
    fn lose(&self, number: usize, percent: f64) -> Result<()> {
        setup::apt(&[("nftables", "nft")])?;
        self.single_frames(number)?;
        let millionths = (percent * 10_000.0) as u32;
        for (namespace, device) in [(self.switch(), format!("port{number}")), (self.host(number), "eth0".to_owned())] {
            // Whether the table is there or not, it is not afterwards.
            let mut rules = format!("table netdev {device}\ndelete table netdev {device}\n");
            if millionths > 0 {
                rules += &format!(
                    "table netdev {device} {{\n chain in {{\n  type filter hook ingress device \"{device}\" priority 0\n  numgen random mod 1000000 < {millionths} drop\n }}\n}}\n"
                );
            }
            let mut nft = inside(&namespace, Command::new("nft").arg(&rules));
            let failed = |said: String| Error::Network { what: format!("nft in {namespace}"), said };
            let Output { status, stderr, .. } = nft.output().map_err(|error| failed(error.to_string()))?;
            if !status.success() {
                return Err(failed(String::from_utf8_lossy(&stderr).trim().to_owned()));
            }
        }
        Ok(())
    }

    /// Puts a cable that was cut together again.
    fn mend(&mut self, number: usize) -> Result<()> {
        if self.cables.remove(&number).is_none() {
            return Ok(());
        }
        let (switch, port) = (self.switch(), format!("port{number}"));
        for device in [format!("tap-{port}"), format!("tap-near{number}"), format!("near{number}")] {
            ip(&["-n", &switch, "link", "delete", &device])?;
        }
        ip(&["-n", &switch, "link", "set", &port, "master", "switch"])
    }

    /// Has a host send each frame by itself: else what is sent at once is one frame until a network card takes it apart, and would be lost as one.
    fn single_frames(&self, number: usize) -> Result<()> {
        ip(&["-n", &self.host(number), "link", "set", "eth0", "gso_max_segs", "1"])
    }

    /// Cuts a host's cable and holds both ends: its port is not the switch's any more, but leads to one that is.
    fn cut(&self, number: usize, quality: Quality) -> Result<Cable> {
        let (switch, port) = (self.switch(), format!("port{number}"));
        let (near, far) = (format!("near{number}"), format!("far{number}"));
        self.single_frames(number)?;
        ip(&["-n", &switch, "link", "set", &port, "nomaster"])?;
        ip(&["-n", &switch, "link", "add", &near, "type", "veth", "peer", "name", &far])?;
        ip(&["-n", &switch, "link", "set", &near, "up"])?;
        ip(&["-n", &switch, "link", "set", &far, "master", "switch", "up"])?;
        let (host_end, switch_end) = (self.tap(&port)?, self.tap(&near)?);
        let failed =
            |error: io::Error| Error::Network { what: format!("the cable of host {number}"), said: error.to_string() };
        Cable::new(host_end, switch_end, quality, number as u64).map_err(failed)
    }

    /// All that comes in at an interface of the switch, and a way out of it.
    fn tap(&self, interface: &str) -> Result<File> {
        // The device's name has its number, and all namespaces share one folder of devices.
        let index = TAPS + (std::process::id() << 8) + NEXT_TAP.fetch_add(1, Ordering::Relaxed);
        let (switch, name, number) = (self.switch(), format!("tap-{interface}"), index.to_string());
        let make = ["link", "add", "link", interface, "name", &name, "index", &number, "type", "macvtap"];
        ip(&[&["-n", &switch][..], &make, &["mode", "passthru"]].concat())?;
        // It would leave out what goes to groups, such as multicast DNS.
        ip(&["-n", &switch, "link", "set", &name, "allmulticast", "on", "up"])?;
        let device = format!("/dev/tap{index}");
        let failed = |error: io::Error| Error::Network { what: device.clone(), said: error.to_string() };
        OpenOptions::new().read(true).write(true).open(&device).map_err(failed)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let names = (1..=self.hosts).map(|number| self.host(number)).chain([self.switch()]);
        for name in names {
            // One that could not be made is not there.
            let _ = ip(&["netns", "delete", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<()> {
    let what = format!("ip {}", arguments.join(" "));
    let failed = |said: String| Error::Network { what: what.clone(), said };
    let Output { status, stderr, .. } =
        Command::new("ip").args(arguments).output().map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(String::from_utf8_lossy(&stderr).trim().to_owned())) }
}

/// The command that runs another one in a namespace.
pub(crate) fn inside(namespace: &str, command: &Command) -> Command {
    let mut outer = Command::new("ip");
    outer.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Makes a port of this machine's loopback one of a namespace's; returns which. It has the same number on both, since geckodriver answers only those
/// who name its own, and it lasts as long as this process.
pub(crate) fn forward(namespace: &str) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let there = File::open(format!("/run/netns/{namespace}"))?;
    thread::spawn(move || {
        // A socket belongs to the namespace of the thread that made it: the listener to ours, what is made from here on to the other.
        if move_into_link_name_space(there.as_fd(), Some(LinkNameSpaceType::Network)).is_err() {
            return;
        }
        for near in listener.incoming().flatten() {
            if let Ok(far) = TcpStream::connect(("127.0.0.1", port)) {
                join(near, far);
            }
        }
    });
    Ok(port)
}

fn join(near: TcpStream, far: TcpStream) {
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            // However it ends, the other side is told by the end of what comes.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    };
    copy(near, far);
    copy(far_too, near_too);
}
