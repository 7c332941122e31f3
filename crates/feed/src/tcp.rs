//! A client's TCP connection: its reader is woken by the runtime, or looks by itself.
//!
//! A reader that never sleeps gains nothing by the runtime: a turn of it is one system call to learn
//! that bytes are there, and the read is another. It reads at once instead, into a buffer of its own.

use rustix::{
    io::Errno,
    net::{RecvFlags, recv},
};
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A client's TCP connection.
#[derive(Debug)]
pub(crate) struct Tcp {
    stream: TcpStream,
    ahead: Option<Ahead>,
}

/// What was read before anyone asked for it.
#[derive(Debug)]
struct Ahead {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
    /// The connection's end, or its failure, which stands behind the bytes.
    over: Option<Errno>,
    ended: bool,
}

impl Tcp {
    /// A connection whose reader the runtime wakes.
    pub(crate) fn woken(stream: TcpStream) -> Self {
        Self { stream, ahead: None }
    }

    /// A connection whose reader has to come again by itself: a read that finds nothing wakes nobody.
    pub(crate) fn looking(stream: TcpStream, buffer_bytes: usize) -> Self {
        let bytes = vec![0; buffer_bytes.max(1)].into_boxed_slice();
        let ahead = Ahead { bytes, start: 0, end: 0, over: None, ended: false };
        Self { stream, ahead: Some(ahead) }
    }

    /// Whether its reader has to come again by itself.
    pub(crate) fn looks(&self) -> bool {
        self.ahead.is_some()
    }

    /// Whether a read would find something: bytes, the end, or a failure. One system call at most.
    #[inline]
    pub(crate) fn look(&mut self) -> bool {
        let Some(ahead) = &mut self.ahead else { return true };
        if ahead.has_something() {
            return true;
        }
        match recv(&self.stream, &mut ahead.bytes[..], RecvFlags::DONTWAIT) {
            Ok((0, _)) => ahead.ended = true,
            Ok((count, _)) => (ahead.start, ahead.end) = (0, count),
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(failure) => ahead.over = Some(failure),
        }
        true
    }
}

impl Ahead {
    fn has_something(&self) -> bool {
        self.start < self.end || self.ended || self.over.is_some()
    }

    fn read(&mut self, into: &mut ReadBuf<'_>) -> io::Result<()> {
        if self.start == self.end
            && let Some(failure) = self.over
        {
            return Err(failure.into());
        }
        let count = into.remaining().min(self.end - self.start);
        into.put_slice(&self.bytes[self.start..self.start + count]);
        self.start += count;
        Ok(())
    }
}

impl AsyncRead for Tcp {
    #[inline]
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_none() {
            return Pin::new(&mut self.stream).poll_read(cx, into);
        }
        if !self.look() {
            return Poll::Pending;
        }
        match &mut self.ahead {
            Some(ahead) => Poll::Ready(ahead.read(into)),
            None => Poll::Pending,
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use tokio::{io::AsyncReadExt, net::TcpListener, task::yield_now};

    /// A reader that looks comes again by itself.
    async fn read(tcp: &mut Tcp, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if tcp.look() {
                return tcp.read(into).await;
            }
            yield_now().await;
        }
    }

    #[test]
    fn bytes_come_in_pieces_and_the_end_behind_them() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut sender = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let mut tcp = Tcp::looking(listener.accept().await.unwrap().0, 4);
            assert!(!tcp.look(), "nothing was sent");
            sender.write_all(b"abcdefg").unwrap();
            let (mut heard, mut piece) = (Vec::new(), [0; 3]);
            while heard.len() < 7 {
                let count = read(&mut tcp, &mut piece).await.unwrap();
                assert!(count > 0);
                heard.extend_from_slice(&piece[..count]);
            }
            assert_eq!(heard, b"abcdefg");
            drop(sender);
            for _ in 0..2 {
                assert_eq!(read(&mut tcp, &mut piece).await.unwrap(), 0, "it has ended");
            }
        });
    }
}
