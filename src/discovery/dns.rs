//! Names in DNS. Asked afresh each time, since what a cache says is what was: how often is the setting's to say.

use super::found::Group;
use crate::config::{DnsSd, Records};
use futures::future::join_all;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

/// Longest time the lookup of one name may take, retries and search list included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one server has for an answer, where `resolv.conf` doesn't say.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Looks up every name: its targets, none where the answer is that there are none, or why there is no answer.
pub(super) async fn look_up(config: &DnsSd) -> Vec<(String, Result<Vec<Group>, String>)> {
    let asker = match Asker::new(&config.servers) {
        Ok(asker) => asker,
        Err(why) => return config.names.iter().map(|name| (name.clone(), Err(why.clone()))).collect(),
    };
    let one = async |name: &String| {
        let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
        let targets = tokio::time::timeout(PATIENCE, asker.targets(name, config.records)).await.unwrap_or_else(|_| late());
        let group = |targets: BTreeSet<String>| vec![Group { targets: targets.into_iter().collect(), ..Group::default() }];
        (name.clone(), targets.map(group))
    };
    join_all(config.names.iter().map(one)).await
}

/// Asks the hosts file, then the servers.
struct Asker {
    resolver: TokioResolver,
    hosts: Hosts,
    search: Vec<Name>,
    ndots: u8,
}

impl Asker {
    /// Reads the system's files anew: containers may change them while they run.
    fn new(servers: &[SocketAddr]) -> Result<Self, String> {
        let (config, mut options, hosts) = if servers.is_empty() {
            let (config, options) = read_system_conf().map_err(|e| format!("cannot read /etc/resolv.conf: {e}"))?;
            (config, options, Hosts::from_system().unwrap_or_default())
        } else {
            let mut options = ResolverOpts::default();
            options.timeout = TIMEOUT;
            (ResolverConfig::from_name_servers(servers.iter().map(server).collect()), options, Hosts::default())
        };
        options.cache_size = 0;
        // Looked at by ourselves, before any name of the search list, as the C library does.
        options.use_hosts_file = ResolveHosts::Never;
        // The domain of this host is for those who have no list.
        let search =
            if config.search().is_empty() { config.domain().into_iter().cloned().collect() } else { config.search().to_vec() };
        let ndots = u8::try_from(options.ndots).unwrap_or(u8::MAX);
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
        Ok(Self { resolver: resolver.build().map_err(|e| e.to_string())?, hosts, search, ndots })
    }

    async fn targets(&self, name: &str, records: Records) -> Result<BTreeSet<String>, String> {
        let with_ports = |ips: BTreeSet<IpAddr>, first: u16, last: u16| {
            let ports = if first == last { first.to_string() } else { format!("{first}-{last}") };
            ips.iter().map(|ip| format!("{}:{ports}", bracketed(*ip))).collect()
        };
        match records {
            Records::A(first, last) => Ok(with_ports(self.addresses(name, RecordType::A).await?, first, last)),
            Records::Aaaa(first, last) => Ok(with_ports(self.addresses(name, RecordType::AAAA).await?, first, last)),
            Records::Srv => self.services(name).await,
        }
    }

    async fn addresses(&self, name: &str, kind: RecordType) -> Result<BTreeSet<IpAddr>, String> {
        Ok(self.ask(name, kind).await?.iter().filter_map(RData::ip_addr).collect())
    }

    /// The addresses of every service with its port. Of one that has addresses of both kinds those of IPv4: it is one process still.
    async fn services(&self, name: &str) -> Result<BTreeSet<String>, String> {
        let records = self.ask(name, RecordType::SRV).await?;
        let services: BTreeSet<(String, u16)> = records.iter().filter_map(service).collect();
        let one = async |(host, port): &(String, u16)| {
            let mut ips = self.addresses(host, RecordType::A).await?;
            if ips.is_empty() {
                ips = self.addresses(host, RecordType::AAAA).await?;
            }
            Ok(ips.into_iter().map(|ip| format!("{}:{port}", bracketed(ip))).collect::<Vec<_>>())
        };
        let targets = join_all(services.iter().map(one)).await.into_iter().collect::<Result<Vec<_>, String>>()?;
        Ok(targets.into_iter().flatten().collect())
    }

    /// The records of a name: those of the hosts file, else of the first name of the search list that has any. None only if every server
    /// said so: one that could not be asked may have known better.
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, String> {
        let parsed = Name::from_str(name).map_err(|e| format!("{name:?} is no name in DNS: {e}"))?;
        if let Some(lookup) = self.hosts.lookup_static_host(&Query::query(parsed.clone(), kind)) {
            return Ok(lookup.answers().iter().map(|record| record.data.clone()).collect());
        }
        let mut failed = None;
        for candidate in self.candidates(parsed) {
            match self.resolver.lookup(candidate.clone(), kind).await {
                Ok(lookup) => {
                    let records: Vec<RData> = lookup.answers().iter().map(|record| record.data.clone()).collect();
                    if records.iter().any(|data| data.record_type() == kind) {
                        return Ok(records);
                    }
                }
                Err(error) if says_there_is_none(&error) => {}
                Err(error) => failed = Some(format!("{kind} records of {candidate}: {}", in_words(&error))),
            }
        }
        failed.map_or(Ok(Vec::new()), Err)
    }

    /// The names to ask for, in order; each is asked as it stands.
    fn candidates(&self, name: Name) -> Vec<Name> {
        let absolute = |mut name: Name| {
            name.set_fqdn(true);
            name
        };
        if name.is_fqdn() {
            return vec![name];
        }
        let searched = self.search.iter().filter_map(|domain| name.clone().append_domain(domain).ok()).map(absolute);
        let mut names: Vec<Name> = searched.collect();
        let alone_first = name.num_labels() > self.ndots;
        names.insert(if alone_first { 0 } else { names.len() }, absolute(name));
        names
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// The host and port of a service; a `.` as host says that there is none (RFC 2782).
fn service(data: &RData) -> Option<(String, u16)> {
    match data {
        RData::SRV(srv) if !srv.target.is_root() && srv.port > 0 => Some((srv.target.to_ascii(), srv.port)),
        _ => None,
    }
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn says_there_is_none(error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else { return false };
    matches!(none.response_code, ResponseCode::NXDomain | ResponseCode::NoError)
}

fn in_words(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no answer in time".into(),
        NetError::Truncated => "the answer is too long for UDP, and over TCP there is none".into(),
        NetError::NoConnections => "no server can be reached".into(),
        NetError::Dns(DnsError::NoRecordsFound(none)) => format!("the server says {}", none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the server says {code}"),
        other => other.to_string(),
    }
}
