use super::place::Place;
use crate::config::Limit;
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose writes fail once the other side has taken nothing for a while, or has not taken a whole answer after a longer one: a
/// client that doesn't read, or reads a byte now and then, must not hold its answer, and its place among the connections, for ever.
pub(super) struct Patient<S> {
    stream: S,
    place: Arc<Place>,
    patience: Patience,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs from the first byte of an answer until all that was written is sent.
    answering: Option<Pin<Box<Sleep>>>,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Without taking anything.
    pub(super) stall: Duration,
    /// For a whole answer.
    pub(super) answer: Duration,
}

/// The client took longer than this limit allows: what the error of a write holds.
#[derive(Debug, thiserror::Error)]
#[error("the client does not read its answer ({})", .0.name())]
pub(super) struct TooSlow(pub(super) Limit);

impl<S: Unpin> Patient<S> {
    pub(super) fn new(stream: S, place: Arc<Place>, patience: Patience) -> Self {
        Self { stream, place, patience, stalled: None, answering: None }
    }

    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        if let Some(answering) = &mut self.answering
            && answering.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(too_slow(Limit::ClientResponseTimeout)));
        }
        if let Poll::Ready(done) = write(Pin::new(&mut self.stream), cx) {
            if self.stalled.take().is_some() {
                self.place.go_on();
            }
            return Poll::Ready(done);
        }
        self.place.wait();
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(self.patience.stall)));
        stalled.as_mut().poll(cx).map(|()| Err(too_slow(Limit::ClientWriteTimeout)))
    }

    fn begin(&mut self) {
        self.answering.get_or_insert_with(|| Box::pin(sleep(self.patience.answer)));
    }
}

fn too_slow(limit: Limit) -> Error {
    Error::new(ErrorKind::TimedOut, TooSlow(limit))
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.begin();
        self.poll(cx, |stream, cx| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        self.begin();
        self.poll(cx, |stream, cx| stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = self.poll(cx, |stream, cx| stream.poll_flush(cx));
        if flushed.is_ready() {
            self.answering = None;
            self.place.sent();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::{Places, Taken};
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const PATIENCE: Patience = Patience { stall: Duration::from_secs(30), answer: Duration::from_secs(90) };

    /// Takes four bytes again and again, waiting before each.
    async fn read(from: &mut tokio::io::DuplexStream, times: usize, pause: u64) {
        let mut got = [0; 4];
        for _ in 0..times {
            sleep(Duration::from_secs(pause)).await;
            from.read_exact(&mut got).await.unwrap();
        }
    }

    fn patient(stream: tokio::io::DuplexStream) -> Patient<tokio::io::DuplexStream> {
        match Places::default().take(1) {
            Taken::Free(place) => Patient::new(stream, Arc::new(place), PATIENCE),
            _ => panic!("no place is free"),
        }
    }

    fn limit_of(error: &Error) -> Limit {
        error.get_ref().and_then(|inner| inner.downcast_ref::<TooSlow>()).unwrap().0
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_served_and_one_that_takes_nothing_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = patient(ours);
        for _ in 0..3 {
            let (written, ()) = tokio::join!(ours.write_all(&[1; 12]), read(&mut theirs, 3, 20));
            written.unwrap();
            ours.flush().await.unwrap();
        }
        let error = ours.write_all(&[1; 12]).await.unwrap_err();
        assert_eq!(limit_of(&error), Limit::ClientWriteTimeout);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_takes_a_little_now_and_then_has_to_end_some_time() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let mut ours = patient(ours);
        let writing = async {
            let error = ours.write_all(&[1; 100]).await.unwrap_err();
            drop(ours);
            error
        };
        let reading = async {
            read(&mut theirs, 4, 20).await;
            theirs
        };
        let (error, _theirs) = tokio::join!(writing, reading);
        assert_eq!(limit_of(&error), Limit::ClientResponseTimeout);
    }
}
