//! Files that are there already: numbered, or overwritten if asked, never damaged.

use std::fs;
use std::os::unix::fs::symlink;

use luma_watch::{DownloadOptions, OnCollision};

use crate::support::downloads::{client, download, drop_after, events, folder, kept, kept_one, names, task};
use crate::support::file::File;
use crate::support::file_reply::Reply;
use crate::support::file_server::FileServer;
use crate::support::in_memory::ms;

fn file() -> File {
    File::new(1_000, 1)
}

async fn server() -> FileServer {
    FileServer::start(|request| file().reply(request)).await
}

fn overwrite() -> DownloadOptions {
    DownloadOptions::new().on_collision(OnCollision::Overwrite)
}

#[tokio::test]
async fn existing_file_is_left_and_the_new_one_numbered() {
    let server = server().await;
    let dir = folder();
    fs::write(dir.path().join("video.mp4"), "mine").unwrap();
    let url = server.url("/video.mp4");
    for name in ["video-1.mp4", "video-2.mp4", "video-3.mp4"] {
        assert_eq!(kept_one(&events(download(&url, &dir)).await, &file().bytes).name(), name);
    }
    assert_eq!(fs::read(dir.path().join("video.mp4")).unwrap(), b"mine");
    assert_eq!(names(&dir), ["video-1.mp4", "video-2.mp4", "video-3.mp4", "video.mp4"]);
}

#[tokio::test]
async fn number_stands_before_the_extension_or_at_the_end() {
    let server = server().await;
    let dir = folder();
    for (target, second) in [("/a", "a-1"), ("/a.tar.gz", "a.tar-1.gz")] {
        kept_one(&events(download(&server.url(target), &dir)).await, &file().bytes);
        assert_eq!(kept_one(&events(download(&server.url(target), &dir)).await, &file().bytes).name(), second);
    }
}

#[tokio::test]
async fn numbered_long_name_is_short_enough() {
    let server = server().await;
    let dir = folder();
    let url = server.url(&format!("/{}.mp4", "a".repeat(300)));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let kept = kept_one(&events(download(&url, &dir)).await, &file().bytes);
        assert!(kept.name().len() <= 130 && kept.path.extension().unwrap() == "mp4", "{kept:?}");
        seen.push(kept.path);
    }
    seen.dedup();
    assert_eq!((seen.len(), names(&dir).len()), (3, 3));
}

#[tokio::test]
async fn existing_file_is_overwritten_if_asked() {
    let server = server().await;
    let dir = folder();
    fs::write(dir.path().join("video.mp4"), "mine, and older").unwrap();
    let events = events(download(&server.url("/video.mp4"), &dir).options(overwrite())).await;
    assert_eq!(kept_one(&events, &file().bytes).name(), "video.mp4");
    assert_eq!(names(&dir), ["video.mp4"]);
}

#[tokio::test]
async fn existing_file_is_whole_until_it_is_overwritten() {
    let server = FileServer::start(|request| match request.attempt {
        0 => file().reply(request).stall_after(500),
        _ => Reply::new(404),
    })
    .await;
    let dir = folder();
    fs::write(dir.path().join("video.mp4"), "mine").unwrap();
    let url = server.url("/video.mp4");
    drop_after(download(&url, &dir).options(overwrite()), 1).await;
    events(download(&url, &dir).options(overwrite())).await;
    assert_eq!(fs::read(dir.path().join("video.mp4")).unwrap(), b"mine");
    assert_eq!(names(&dir), ["video.mp4"]);
}

#[tokio::test]
async fn two_urls_of_one_name_make_two_files() {
    for options in [DownloadOptions::new(), overwrite()] {
        let server = FileServer::start(|request| {
            let seed = if request.target().starts_with("/a/") { 1 } else { 2 };
            File::new(1_000, seed).reply(request).waits_for(2)
        })
        .await;
        let dir = folder();
        let urls = [server.url("/a/video.mp4"), server.url("/b/video.mp4")];
        let files = client().download(&task(&urls), dir.path()).options(options).await.unwrap();
        assert_ne!(files[0].path, files[1].path);
        assert!(fs::read(&files[0].path).unwrap() == File::new(1_000, 1).bytes);
        assert!(fs::read(&files[1].path).unwrap() == File::new(1_000, 2).bytes);
        assert_eq!(names(&dir), ["video-1.mp4", "video.mp4"]);
    }
}

#[tokio::test]
async fn same_url_twice_at_once_gives_two_right_files() {
    let server = FileServer::start(|request| File::new(200_000, 1).reply(request).drip(16_384, ms(2))).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let (first, second) = futures::join!(events(download(&url, &dir)), events(download(&url, &dir)));
    let content = File::new(200_000, 1).bytes;
    let mut paths = [kept_one(&first, &content).path, kept_one(&second, &content).path];
    paths.sort();
    assert_eq!(paths, ["video-1.mp4", "video.mp4"].map(|name| dir.path().join(name)));
    assert_eq!(names(&dir), ["video-1.mp4", "video.mp4"]);
}

#[tokio::test]
async fn many_downloads_of_one_url_at_once_all_end() {
    let server = FileServer::start(|request| File::new(50_000, 1).reply(request)).await;
    let dir = folder();
    let url = server.url("/video.mp4");
    let all = futures::future::join_all((0..8).map(|_| tokio::spawn(events(download(&url, &dir))))).await;
    for events in all {
        kept_one(&events.unwrap(), &File::new(50_000, 1).bytes);
    }
    assert_eq!(names(&dir).len(), 8);
}

#[tokio::test]
async fn link_in_the_place_of_the_file_is_not_followed() {
    let server = server().await;
    for options in [DownloadOptions::new(), overwrite()] {
        let (dir, outside) = (folder(), folder());
        let target = outside.path().join("precious");
        fs::write(&target, "mine").unwrap();
        symlink(&target, dir.path().join("video.mp4")).unwrap();
        symlink(outside.path().join("nothing"), dir.path().join("video-1.mp4")).unwrap();
        let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
        let kept = kept_one(&events, &file().bytes);
        assert!(!fs::symlink_metadata(&kept.path).unwrap().is_symlink(), "{kept:?}");
        assert_eq!((fs::read(&target).unwrap(), names(&outside)), (b"mine".to_vec(), vec!["precious".to_owned()]));
    }
}

#[tokio::test]
async fn folder_in_the_place_of_the_file_is_left() {
    let server = server().await;
    for options in [DownloadOptions::new(), overwrite()] {
        let dir = folder();
        fs::create_dir(dir.path().join("video.mp4")).unwrap();
        fs::write(dir.path().join("video.mp4/mine"), "mine").unwrap();
        let events = events(download(&server.url("/video.mp4"), &dir).options(options)).await;
        assert!(kept(&events).iter().all(|kept| kept.name() == "video-1.mp4"), "{events:?}");
        assert_eq!(fs::read(dir.path().join("video.mp4/mine")).unwrap(), b"mine");
    }
}
