//! The route tree: which receivers hear of an alert.
//!
//! The node that takes an alert in asks its tree and writes the answer into the log; the state never asks.

use tiercel_detection::Alert;
use tiercel_detection::event::Text;
use tiercel_detection::matcher::Matcher;

/// One node of the tree, with everything below it.
#[derive(Debug, Clone)]
pub struct Route {
    /// All must match; the root has none and so takes everything.
    pub matchers: Vec<Matcher>,
    /// Who hears of it when no child takes it.
    pub receiver: Text,
    /// Whether the siblings after this route are asked too when it has taken an alert.
    pub goes_on: bool,
    /// Asked in order.
    pub children: Vec<Route>,
}

impl Route {
    /// A tree in which one receiver hears of everything.
    pub fn root(receiver: Text, children: Vec<Self>) -> Self {
        Self { matchers: Vec::new(), receiver, goes_on: false, children }
    }

    /// The receivers that hear of the alert, in the order of the tree, each once.
    pub fn receivers(&self, alert: &Alert) -> Vec<Text> {
        let mut receivers = Vec::new();
        self.collect(alert, &mut receivers);
        receivers
    }

    /// Says whether this route took the alert.
    fn collect(&self, alert: &Alert, receivers: &mut Vec<Text>) -> bool {
        if !self.matchers.iter().all(|matcher| matcher.matches(alert)) {
            return false;
        }
        let mut taken = false;
        for child in &self.children {
            if child.collect(alert, receivers) {
                taken = true;
                if !child.goes_on {
                    break;
                }
            }
        }
        if !taken && !receivers.contains(&self.receiver) {
            receivers.push(self.receiver.clone());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use tiercel_detection::Priority;
    use tiercel_detection::event::Timestamp;

    use super::*;

    fn route(matchers: &[&str], receiver: &str, goes_on: bool, children: Vec<Route>) -> Route {
        let matchers = matchers.iter().map(|text| Matcher::parse(text).unwrap()).collect();
        Route { matchers, receiver: receiver.into(), goes_on, children }
    }

    fn alert(rule: &str, priority: Priority, hostname: &str) -> Alert {
        Alert {
            time: Timestamp(0),
            rule: rule.into(),
            priority,
            source: "syscall".into(),
            hostname: hostname.into(),
            output: rule.into(),
            fields: Vec::new(),
            tags: [].into_iter().collect(),
        }
    }

    #[track_caller]
    fn check(rule: &str, priority: Priority, hostname: &str, expected: &[&str]) {
        let database = route(&["hostname =~ \"db-.*\""], "databases", false, Vec::new());
        let root = Route::root(
            "default".into(),
            vec![
                route(&[], "audit", true, Vec::new()),
                route(&["priority <= critical"], "pager", false, vec![database]),
                route(&["rule = Noise"], "pager", false, Vec::new()),
                route(&["rule = Noise"], "never asked", false, Vec::new()),
            ],
        );
        let receivers = root.receivers(&alert(rule, priority, hostname));
        assert_eq!(receivers.iter().map(|receiver| &**receiver).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn first_matching_route_takes_it_unless_it_goes_on() {
        check("Shell", Priority::Critical, "web-1", &["audit", "pager"]);
        check("Noise", Priority::Notice, "web-1", &["audit", "pager"]);
        check("Other", Priority::Notice, "web-1", &["audit"]);
    }

    #[test]
    fn child_takes_it_from_its_parent() {
        check("Shell", Priority::Alert, "db-7", &["audit", "databases"]);
    }

    #[test]
    fn root_takes_what_nobody_wants() {
        let root = Route::root("default".into(), vec![route(&["rule = X"], "x", true, Vec::new())]);
        assert_eq!(root.receivers(&alert("Y", Priority::Debug, "h")), ["default".into()]);
    }

    #[test]
    fn receiver_named_twice_hears_once() {
        let both = vec![route(&[], "audit", true, Vec::new()), route(&[], "audit", true, Vec::new())];
        let root = Route::root("default".into(), both);
        assert_eq!(root.receivers(&alert("Y", Priority::Debug, "h")), ["audit".into()]);
    }
}
