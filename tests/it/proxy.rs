//! A proxy of the environment is for hosts elsewhere, not for a gateway on loopback.

use luma_watch::Client;

use crate::support::child::{Child, is_child, report};
use crate::support::raw_server::{Answer, RawServer, done};

#[tokio::test]
async fn loopback_gateway_with_environment_proxy_is_asked_directly() {
    if is_child() {
        let gateway = RawServer::start(|_, _| Answer::Page(done())).await;
        let client = || Client::builder("test-key").base_url(gateway.url());
        client().build().unwrap().wait_until_done("direct").await.unwrap();
        // A client of the user's own follows the environment, so the variable does reach this process.
        let own = client().http_client(reqwest::Client::new()).build().unwrap();
        own.wait_until_done("by-proxy").await.unwrap();
        return report(&gateway.asked().len().to_string());
    }
    let proxy = RawServer::start(|_, _| Answer::Page(done())).await;
    let child = Child::of("proxy::loopback_gateway_with_environment_proxy_is_asked_directly");
    let child = child.set("http_proxy", proxy.url()).set("HTTP_PROXY", proxy.url()).set("ALL_PROXY", proxy.url());
    let child = child.unset("NO_PROXY").unset("no_proxy").unset("REQUEST_METHOD");
    let asked_directly = tokio::task::spawn_blocking(|| child.run()).await.unwrap();
    assert_eq!(asked_directly, "1");
    let asked = proxy.asked();
    assert!(matches!(&asked[..], [only] if only.head.contains("taskId=by-proxy")), "{asked:?}");
}
