//! The frames of one WebSocket, between its socket and the queues that the gateway has of it.
#![expect(clippy::disallowed_methods, reason = "a socket's deadlines, below the gateway's")]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, error::ProtocolError};

use super::Door;
use super::silence::{Heard, Question, Silence};
use crate::real::limits::{Pace, Patience};
use crate::real::queues::{Ends, FAREWELL, Incoming, Outgoing, Progress};

pub(super) type Socket = WebSocketStream<Heard>;

/// How the frames of a socket come to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// One side has closed it, or it broke.
    Over,
    /// The client has said what no client of ours says.
    Refused(CloseCode),
    /// The client takes nothing of what it is told.
    Stalled,
    /// The client says nothing, not even that it is there.
    Vanished,
}

impl End {
    /// What it is called in logs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Over => "over",
            Self::Refused(_) => "refused",
            Self::Stalled => "takes_nothing",
            Self::Vanished => "vanished",
        }
    }
}

/// Moves frames in both directions until the socket is over.
pub(super) async fn pump(socket: Socket, door: &Door, Ends { incoming, outgoing, progress }: Ends) -> End {
    let mut silence = Silence::new(socket.get_ref().last(), door.limits.ping_interval);
    let question = silence.question();
    let taking = Taking { patience: &door.patience, taken: socket.get_ref().taken(), progress };
    let (mut sink, mut stream) = socket.split();
    let overdue = async {
        incoming.closed().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let end = tokio::select! {
        biased; // what a client said before it died is read before the death shows in a write
        end = read(&mut stream, door, &incoming, &mut silence) => end,
        end = write(&mut sink, outgoing, &question, &taking) => end,
        () = overdue => End::Over,
    };
    // What ends without the client's own close has died. The gateway need not wait for the farewell.
    drop(incoming);
    if let End::Refused(code) = end {
        let farewell = async {
            let close = Message::Close(Some(CloseFrame { code, reason: "".into() }));
            if sink.send(close).await.is_ok()
                && let Ok(mut socket) = stream.reunite(sink)
            {
                drain(socket.get_mut()).await;
            }
        };
        // Who does not listen is not told.
        let _ = tokio::time::timeout(FAREWELL, farewell).await;
    }
    end
}

/// Takes what still comes, and throws it away: a socket that is closed over unread bytes takes our last words with it.
pub(super) async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 4096];
    while stream.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
}

/// Reads until the end, and goes on reading when nobody listens any more: the answer to our own close comes last.
async fn read(
    stream: &mut SplitStream<Socket>,
    door: &Door,
    incoming: &mpsc::Sender<Incoming>,
    silence: &mut Silence,
) -> End {
    let mut pace = Pace::new(door.limits.requests_per_second);
    loop {
        let message = tokio::select! {
            biased; // what has come has come in time
            message = stream.next() => message,
            () = silence.over() => return End::Vanished,
        };
        let Some(message) = message else { return End::Over };
        pace.next().await;
        let told = match message {
            Ok(Message::Text(text)) => {
                door.counters.requested();
                Some(text.as_str().to_owned())
            }
            // The next look at the stream answers it.
            Ok(Message::Close(_)) => None,
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
            // We speak text only; what else comes is no client of ours, and its connection ends here.
            Ok(Message::Binary(_)) => return End::Refused(CloseCode::Unsupported),
            Err(Error::Capacity(_)) => return End::Refused(CloseCode::Size),
            Err(Error::Utf8(_)) => return End::Refused(CloseCode::Invalid),
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => return End::Over,
            Err(Error::Protocol(_)) => return End::Refused(CloseCode::Protocol),
            Err(_) => return End::Over,
        };
        // Nobody listens after our own close.
        let _ = incoming.send(Ok(told)).await;
    }
}

/// Writes what the gateway sends, and the close when it will send no more. Ends only when the client cannot be reached.
async fn write(
    sink: &mut SplitSink<Socket, Message>,
    mut outgoing: mpsc::Receiver<Outgoing>,
    question: &Question,
    taking: &Taking<'_>,
) -> End {
    loop {
        let first = tokio::select! {
            biased; // a question is short, and its time has come
            () = question.due() => None,
            frame = outgoing.recv() => match frame {
                Some(frame) => Some(frame),
                None => break,
            },
        };
        question.writing();
        let batch = async {
            match first {
                Some(frame) => feed(sink, frame, taking).await?,
                None => {
                    taking.in_time(sink.feed(Message::Ping(Bytes::new()))).await?;
                    question.asked();
                }
            }
            // What is there at once goes out at once: a call of the system costs more than a frame.
            while let Ok(frame) = outgoing.try_recv() {
                feed(sink, frame, taking).await?;
            }
            taking.in_time(sink.flush()).await
        };
        if let Err(end) = batch.await {
            return end;
        }
        question.written();
    }
    let farewell = CloseFrame { code: CloseCode::Away, reason: "".into() };
    match sink.send(Message::Close(Some(farewell))).await {
        // The answer ends the reading.
        Ok(()) => pending().await,
        Err(_) => End::Over,
    }
}

/// Hands a frame to the library. Two are with it at most, which are counted nowhere any more: one is in its buffer, and
/// takes its time to go out, and one is in the slot before that.
async fn feed(sink: &mut SplitSink<Socket, Message>, frame: Outgoing, taking: &Taking<'_>) -> Result<(), End> {
    let (text, _room) = frame.into_parts();
    taking.in_time(sink.feed(Message::text(text))).await
}

/// What a client takes of what it is told, and how long it may take nothing.
struct Taking<'a> {
    patience: &'a Patience,
    /// How often it has taken something.
    taken: Rc<Cell<u64>>,
    progress: Progress,
}

impl Taking<'_> {
    /// Waits until what is written is taken, however long that is, as long as the client goes on taking it.
    async fn in_time(&self, writing: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
        let mut writing = pin!(writing);
        loop {
            let before = self.taken.get();
            // Looked at whenever the writing was: nobody else changes it.
            let taken = poll_fn(|_| if self.taken.get() == before { Poll::Pending } else { Poll::Ready(()) });
            tokio::select! {
                biased; // what was taken at the last instant was taken
                written = &mut writing => return written.map_err(|_| End::Over),
                () = taken => self.progress.made(),
                () = self.patience.over() => return Err(End::Stalled),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::LocalBoxFuture;
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::real::queues::QueuedConnection;
    use gateway_core::clock::{Clock, Millis, Now, Uptime, Wall};

    /// The time of a test, which passes when nobody has anything to do.
    struct Paused(Instant);

    impl Clock for Paused {
        fn now(&self) -> Now {
            let millis = u64::try_from(self.0.elapsed().as_millis()).expect("a short test");
            Now { uptime: Uptime(millis), wall: Wall(millis) }
        }

        fn sleep_until(&self, deadline: Uptime) -> LocalBoxFuture<'static, ()> {
            tokio::time::sleep_until(self.0 + Duration::from_millis(deadline.0)).boxed_local()
        }

        fn sleep_until_wall(&self, deadline: Wall) -> LocalBoxFuture<'static, ()> {
            self.sleep_until(Uptime(deadline.0))
        }
    }

    /// A long frame may take longer than the client may take nothing. The patience begins anew with every part of it.
    #[tokio::test(flavor = "current_thread", start_paused = true)]
    async fn who_takes_a_long_frame_slowly_is_not_cut_off() {
        let patience = Patience { clock: Rc::new(Paused(Instant::now())), length: Some(Millis(100)) };
        let (_connection, ends) = QueuedConnection::new("client".into());
        let taking = Taking { patience: &patience, taken: Rc::default(), progress: ends.progress };
        let parts = async || {
            for _ in 0..10 {
                sleep(Duration::from_millis(90)).await;
                taking.taken.update(|times| times + 1);
            }
        };
        let ends = async {
            parts().await;
            Ok(())
        };
        assert_eq!(taking.in_time(ends).await, Ok(()));

        let began = Instant::now();
        let stops = async {
            parts().await;
            pending().await
        };
        assert_eq!(taking.in_time(stops).await, Err(End::Stalled));
        assert_eq!(began.elapsed(), Duration::from_millis(10 * 90 + 100));
    }
}
