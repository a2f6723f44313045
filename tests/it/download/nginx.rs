//! Downloads from a real nginx, if there is one. With `LUMA_WATCH_NGINX=required` there must be.

use luma_watch::{DownloadOptions, ErrorKind};

use crate::support::downloads::{
    download, drop_after, events, failed_one, folder, kept_one, names, parts, retried, started,
};
use crate::support::file::File;
use crate::support::nginx::Nginx;

const LENGTH: usize = 5_000_000;

/// The file, quickly at `/`, slowly at `/slow/`.
async fn nginx(content: &[u8]) -> Option<Nginx> {
    let nginx = Nginx::start(
        "location /slow/ { limit_rate 2m; rewrite ^/slow/(.*)$ /$1 break; }
        location /list/ { autoindex on; rewrite ^/list/(.*)$ /$1 break; }
        location /moved/ { return 302 /video.mp4; }",
    )
    .await?;
    nginx.put("video.mp4", content);
    Some(nginx)
}

#[tokio::test]
async fn nginx_file_is_kept_whole() {
    let file = File::new(LENGTH, 1);
    let Some(nginx) = nginx(&file.bytes).await else { return };
    let dir = folder();
    for target in ["/video.mp4", "/moved/a.mp4"] {
        let events = events(download(&nginx.url(target), &dir)).await;
        kept_one(&events, &file.bytes);
        assert_eq!((started(&events), retried(&events)), (vec![0], vec![]));
    }
    assert_eq!(names(&dir), ["a.mp4", "video.mp4"]);
    assert_eq!(nginx.statuses(3).await, [200, 302, 200]);
}

#[tokio::test]
async fn nginx_file_is_resumed_by_range() {
    let file = File::new(LENGTH, 1);
    let Some(nginx) = nginx(&file.bytes).await else { return };
    let dir = folder();
    let url = nginx.url("/slow/video.mp4");
    drop_after(download(&url, &dir), 1_000_000).await;
    let on_disk = parts(&dir)[0].metadata().unwrap().len();
    assert!(on_disk >= 1_000_000 && on_disk < LENGTH as u64, "{on_disk}");
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &file.bytes);
    let resumed = started(&events)[0];
    assert!(resumed >= 1_000_000, "{resumed}");
    assert_eq!(nginx.statuses(2).await, [200, 206]);
}

#[tokio::test]
async fn nginx_file_replaced_between_ranges_starts_over() {
    let (old, new) = (File::new(LENGTH, 1), File::new(LENGTH - 7, 2));
    let Some(nginx) = nginx(&old.bytes).await else { return };
    let dir = folder();
    let url = nginx.url("/slow/video.mp4");
    drop_after(download(&url, &dir), 500_000).await;
    nginx.put("video.mp4", &new.bytes);
    let events = events(download(&url, &dir)).await;
    kept_one(&events, &new.bytes);
    assert_eq!((started(&events), nginx.statuses(2).await), (vec![0], vec![200, 200]));
}

#[tokio::test]
async fn nginx_missing_file_is_expired() {
    let Some(nginx) = nginx(&[]).await else { return };
    let dir = folder();
    let error = failed_one(&events(download(&nginx.url("/other.mp4"), &dir)).await, ErrorKind::Expired);
    assert_eq!((error.http_status(), names(&dir)), (Some(404), vec![]));
}

#[tokio::test]
async fn nginx_folder_page_or_empty_file_is_not_media() {
    let Some(nginx) = nginx(&[]).await else { return };
    let dir = folder();
    nginx.put("page.mp4", b"<!DOCTYPE html><title>Sign in</title>");
    for target in ["/list/", "/video.mp4", "/page.mp4"] {
        failed_one(&events(download(&nginx.url(target), &dir)).await, ErrorKind::NotMedia);
    }
    assert_eq!((names(&dir), nginx.statuses(3).await), (vec![], vec![200; 3]));
}

/// A server that compresses everything it may compress has nothing to compress: it is asked for the bytes as they are.
#[tokio::test]
async fn nginx_with_gzip_gives_plain_bytes() {
    let file = File::new(LENGTH, 1);
    let locations = "gzip on; gzip_types *; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;";
    let Some(nginx) = Nginx::start(locations).await else { return };
    nginx.put("video.mp4", &file.bytes);
    let dir = folder();
    kept_one(&events(download(&nginx.url("/video.mp4"), &dir)).await, &file.bytes);
    // A file that is stored compressed is no media.
    let Some(nginx) = Nginx::start("add_header content-encoding gzip;").await else { return };
    nginx.put("video.mp4", &file.bytes);
    failed_one(&events(download(&nginx.url("/video.mp4"), &dir)).await, ErrorKind::NotMedia);
    assert_eq!(names(&dir), ["video.mp4"]);
}

/// The connection ends with the worker, in the middle of the file.
#[tokio::test]
async fn nginx_that_ends_in_the_middle_leaves_a_part() {
    let file = File::new(LENGTH, 1);
    let Some(server) = nginx(&file.bytes).await else { return };
    let dir = folder();
    let options = DownloadOptions::new().max_retries(0);
    let mut download = download(&server.url("/slow/video.mp4"), &dir).options(options);
    let mut server = Some(server);
    let mut seen = Vec::new();
    while let Some(event) = futures::StreamExt::next(&mut download).await {
        if matches!(event, luma_watch::DownloadEvent::Progress { bytes, .. } if bytes > 100_000) {
            drop(server.take());
        }
        seen.push(event);
    }
    assert!(failed_one(&seen, ErrorKind::Transport).is_transient());
    assert_eq!((parts(&dir).len(), names(&dir).len()), (1, 2));
}
