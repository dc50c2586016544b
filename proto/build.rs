//! Compiles the .proto files without protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["tiercel/v1/alert.proto", "tiercel/v1/ingest.proto", "tiercel/v1/raft.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    // Ordered maps: equal messages have equal bytes, on every node.
    tonic_prost_build::configure().bytes(".").btree_map(".").compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}
