//! `tiercel-agent`: the daemon of one node, and the tools around its rules and recordings.

fn main() {}
