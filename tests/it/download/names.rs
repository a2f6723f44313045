//! Names of files come from URLs, which others choose: they stay in the folder, and are harmless on every system.

use std::path::Path;

use luma_watch::{DownloadEvent, Task};
use serde_json::{from_value, json};

use crate::support::downloads::{client, download, events, folder, kept_one, names, task};
use crate::support::file::File;
use crate::support::file_server::FileServer;

async fn server() -> FileServer {
    FileServer::start(|request| File::new(100, 1).reply(request)).await
}

/// The name under which the file of this target is kept, in a folder within another one, where nothing else appears.
async fn name_of(server: &FileServer, target: &str) -> String {
    let outer = folder();
    let dir = outer.path().join("inner");
    let events = events(client().download(&task(&[server.url(target)]), &dir)).await;
    let kept = kept_one(&events, &File::new(100, 1).bytes);
    assert_eq!(kept.path.parent(), Some(dir.as_path()), "{target}");
    assert_eq!((names(&outer), names(&dir)), (vec!["inner".to_owned()], vec![kept.name().to_owned()]), "{target}");
    kept.name().to_owned()
}

/// Whether a name is safe on Linux, macOS and Windows.
fn is_harmless(name: &str) -> bool {
    let stem = name.split('.').next().unwrap().trim_end().to_ascii_uppercase();
    let is_device = ["CON", "PRN", "AUX", "NUL"].contains(&&*stem)
        || (stem.chars().count() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '¹', '²', '³']));
    let is_bad = |c: char| {
        c.is_control()
            || "/\\:*?\"<>|".contains(c)
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !is_device
        && !name.is_empty()
        && name.len() <= 120
        && !name.starts_with(['.', ' ', '-'])
        && !name.ends_with(['.', ' '])
        && !name.contains(is_bad)
        && Path::new(name).components().count() == 1
}

#[tokio::test]
async fn hostile_names_are_made_harmless() {
    let server = server().await;
    let long = format!("/{}.mp4", "a".repeat(300));
    let wide = format!("/{}.mp4", "%E8%A7%86".repeat(100)); // 300 bytes in 100 characters
    let long_extension = format!("/a.{}", "b".repeat(300));
    for target in [
        "/..%2f..%2fetc%2fpasswd",
        "/..%2F..%2F..%2Fevil.mp4",
        "/..%5c..%5cevil.mp4",
        "/%2e%2e",
        "/%2e",
        "/...",
        "/.bashrc",
        "/%2essh",
        "/CON.mp4",
        "/con",
        "/Aux.tar.gz",
        "/NUL.",
        "/com1.mp4",
        "/LPT9",
        "/COM%C2%B9.mp4",
        "/CON%20.mp4",
        &long,
        &wide,
        &long_extension,
        "/",
        "//",
        "/a/",
        "/%00",
        "/a%00.mp4",
        "/video.mp4%00.exe",
        "/video.mp4...",
        "/video.mp4%20%20",
        "/%20video.mp4",
        "/.%20.",
        "/%E2%80%AE4pm.exe",
        "/a%E2%80%8Bb.mp4",
        "/%EF%BB%BFa.mp4",
        "/a%0D%0Ab.mp4",
        "/%1B%5B2Ja.mp4",
        "/C%3Aevil.mp4",
        "/a%3Astream.mp4",
        "/a%3Cb%3E%7C%3F%2A%22.mp4",
        "/%ff%fe.mp4",
        "/%",
        "/%zz.mp4",
        "/-rf",
        "/~",
        "/video.mp4.part",
    ] {
        let name = name_of(&server, target).await;
        assert!(is_harmless(&name), "{target}: {name:?}");
    }
}

#[tokio::test]
async fn good_names_are_kept_as_they_are() {
    let server = server().await;
    for (target, name) in [
        ("/results/video.mp4", "video.mp4"),
        ("/video.mp4?sig=../../x#frag", "video.mp4"),
        ("/my%20video%20(1).mp4", "my video (1).mp4"),
        ("/%E8%A7%86%E9%A2%91.mp4", "视频.mp4"),
        ("/%D0%B2%D0%B8%D0%B4%D0%B5%D0%BE.mp4", "видео.mp4"),
        ("/a.b.c.webm", "a.b.c.webm"),
        ("/0a1b2c", "0a1b2c"),
        ("/a+b=c&d.mp4", "a+b=c&d.mp4"),
    ] {
        assert_eq!(name_of(&server, target).await, name);
    }
}

#[tokio::test]
async fn long_name_keeps_its_extension() {
    let server = server().await;
    for stem in ["a".repeat(296), "%E8%A7%86".repeat(100)] {
        let name = name_of(&server, &format!("/{stem}.mp4")).await;
        assert!(
            (name.ends_with("a.mp4") || name.ends_with("视.mp4")) && name.len() > 100 && name.len() <= 120,
            "{name}"
        );
    }
}

#[tokio::test]
async fn url_without_a_name_takes_that_of_the_task() {
    let server = server().await;
    for target in ["", "/", "/?a=b.mp4", "/%20", "/..."] {
        assert_eq!(name_of(&server, target).await, "task-1.mp4", "{target}");
    }
}

#[tokio::test]
async fn hostile_task_id_is_made_harmless() {
    let server = server().await;
    for id in ["../../evil", "a/b", "CON", "..", "a\u{202e}b", &"x".repeat(200)] {
        let task: Task =
            from_value(json!({ "id": id, "status": "SUCCESS", "result_urls": [server.url("/")] })).unwrap();
        let outer = folder();
        let dir = outer.path().join("inner");
        let events = events(client().download(&task, &dir)).await;
        let kept = kept_one(&events, &File::new(100, 1).bytes);
        assert!(is_harmless(kept.name()) && kept.path.extension().unwrap() == "mp4", "{id:?}: {kept:?}");
        assert_eq!((names(&outer), names(&dir).len()), (vec!["inner".to_owned()], 1));
    }
}

/// A server's own wish for a name is not followed.
#[tokio::test]
async fn content_disposition_names_nothing() {
    let server = FileServer::start(|request| {
        File::new(100, 1).reply(request).header("content-disposition", "attachment; filename=\"../../evil.sh\"")
    })
    .await;
    let dir = folder();
    let events = events(download(&server.url("/video.mp4"), &dir)).await;
    assert!(matches!(events.last(), Some(DownloadEvent::Kept { .. })), "{events:?}");
    assert_eq!(names(&dir), ["video.mp4"]);
}
