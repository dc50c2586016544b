//! Names of well-known ports. `/etc/services` is not read here: a rule means the same on every node.

/// (port, name), sorted by port.
const SERVICES: &[(u16, &str)] = &[
    (7, "echo"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (53, "domain"),
    (67, "bootps"),
    (68, "bootpc"),
    (69, "tftp"),
    (80, "http"),
    (88, "kerberos"),
    (110, "pop3"),
    (111, "sunrpc"),
    (123, "ntp"),
    (135, "epmap"),
    (137, "netbios-ns"),
    (138, "netbios-dgm"),
    (139, "netbios-ssn"),
    (143, "imap2"),
    (161, "snmp"),
    (162, "snmp-trap"),
    (179, "bgp"),
    (389, "ldap"),
    (443, "https"),
    (445, "microsoft-ds"),
    (465, "submissions"),
    (514, "syslog"),
    (587, "submission"),
    (636, "ldaps"),
    (853, "domain-s"),
    (873, "rsync"),
    (989, "ftps-data"),
    (990, "ftps"),
    (993, "imaps"),
    (995, "pop3s"),
    (1433, "ms-sql-s"),
    (2049, "nfs"),
    (2379, "etcd-client"),
    (2380, "etcd-server"),
    (3306, "mysql"),
    (3389, "ms-wbt-server"),
    (5432, "postgresql"),
    (5672, "amqp"),
    (6379, "redis"),
    (6443, "sun-sr-https"),
    (8080, "http-alt"),
    (9418, "git"),
    (11211, "memcached"),
];

/// The name of a port.
pub(crate) fn name(port: u16) -> Option<&'static str> {
    SERVICES.binary_search_by_key(&port, |row| row.0).ok().map(|row| SERVICES[row].1)
}

/// The port of a name.
pub(crate) fn port(name: &str) -> Option<u16> {
    SERVICES.iter().find(|row| row.1 == name).map(|row| row.0)
}
