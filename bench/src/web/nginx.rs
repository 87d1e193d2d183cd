//! nginx, in its two best configurations: sendfile costs it a system call that a small file does not repay.

use crate::contender::Contender;

/// In the foreground, with its files where this bench removes them.
const ARGUMENTS: &[&str] = &["-p", "FILE/", "-c", "FILE/config", "-e", "stderr", "-g", "daemon off;"];

/// `SEND` stands for what differs. `user root`: whoever started it reads the folder, in a user namespace too.
const CONFIG: &str = "user root;
worker_processes 1;
error_log stderr crit;
pid pid;
events {
    multi_accept on;
    accept_mutex off;
    worker_connections MOST;
}
http {
    access_log off;
    SEND
    tcp_nodelay on;
    open_file_cache max=10000 inactive=300s;
    open_file_cache_valid 300s;
    open_file_cache_min_uses 1;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    server_tokens off;
    etag off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:PORT;
        root SITE;
    }
}
";

/// With sendfile(2), as its handbooks have it.
pub(super) fn tuned() -> (Contender, String) {
    configured("nginx tuned", "sendfile on; tcp_nopush on; sendfile_max_chunk 0;")
}

/// Without, the best for small files.
pub(super) fn no_sendfile() -> (Contender, String) {
    configured("nginx nosf", "sendfile off;")
}

fn configured(name: &'static str, send: &str) -> (Contender, String) {
    let contender = Contender::peer(name, "nginx", "nginx-light", ARGUMENTS);
    (contender, CONFIG.replace("SEND", send))
}
