//! The frames of one WebSocket, between its socket and the queues that the gateway has of it.
#![expect(clippy::disallowed_methods, reason = "a socket's deadlines, below the gateway's")]

use std::future::pending;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, error::ProtocolError};

use super::Door;
use super::silence::{Heard, Silence};
use crate::real::limits::{Pace, Patience};
use crate::real::queues::{Ends, FAREWELL, Incoming, Outgoing};

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
pub(super) async fn pump(socket: Socket, door: &Door, Ends { incoming, outgoing }: Ends) -> End {
    let mut silence = Silence::new(socket.get_ref().last(), door.limits.ping_interval);
    let asking = silence.asking();
    let (mut sink, mut stream) = socket.split();
    let overdue = async {
        incoming.closed().await;
        tokio::time::sleep(FAREWELL).await;
    };
    let end = tokio::select! {
        biased; // what a client said before it died is read before the death shows in a write
        end = read(&mut stream, door, &incoming, &mut silence) => end,
        end = write(&mut sink, outgoing, &asking, &door.patience) => end,
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
    asking: &Notify,
    patience: &Patience,
) -> End {
    loop {
        let first = tokio::select! {
            biased; // a question is short, and its time has come
            () = asking.notified() => None,
            frame = outgoing.recv() => match frame {
                Some(frame) => Some(frame),
                None => break,
            },
        };
        let batch = async {
            match first {
                Some(frame) => feed(sink, frame, patience).await?,
                None => in_time(patience, sink.feed(Message::Ping(Bytes::new()))).await?,
            }
            // What is there at once goes out at once: a call of the system costs more than a frame.
            while let Ok(frame) = outgoing.try_recv() {
                feed(sink, frame, patience).await?;
            }
            in_time(patience, sink.flush()).await
        };
        if let Err(end) = batch.await {
            return end;
        }
    }
    let farewell = CloseFrame { code: CloseCode::Away, reason: "".into() };
    match sink.send(Message::Close(Some(farewell))).await {
        // The answer ends the reading.
        Ok(()) => pending().await,
        Err(_) => End::Over,
    }
}

/// Waits until what is written is taken, but no longer than a client may take nothing.
async fn in_time(patience: &Patience, writing: impl Future<Output = Result<(), Error>>) -> Result<(), End> {
    tokio::select! {
        biased; // what was taken at the last instant was taken
        written = writing => written.map_err(|_| End::Over),
        () = patience.over() => Err(End::Stalled),
    }
}

/// Hands a frame to the library, which has no other long one then.
async fn feed(sink: &mut SplitSink<Socket, Message>, frame: Outgoing, patience: &Patience) -> Result<(), End> {
    let (text, _room) = frame.into_parts();
    in_time(patience, sink.feed(Message::text(text))).await
}
