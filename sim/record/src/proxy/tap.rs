//! Reads the WebSocket frames in the bytes of one side, without changing them.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// A message of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// A text, its fragments joined.
    Text(String),
    /// A close frame with its code.
    Close(Option<u16>),
    /// What cannot be JSON-RPC, in a word.
    Foreign(&'static str),
}

/// The longest message that is read. A longer one passes all the same.
const MESSAGE_MAX: usize = 64 * 1024 * 1024;

/// The bytes of a frame that is not complete, and the fragments of a message that is not.
#[derive(Default)]
pub(super) struct Tap {
    bytes: Vec<u8>,
    message: Option<(Data, Vec<u8>)>,
    state: State,
}

#[derive(Default, PartialEq, Eq)]
enum State {
    #[default]
    Reads,
    /// What came was no frame, or one too long; where the next one begins is not known.
    Lost,
}

impl Tap {
    /// The messages that these bytes complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<Seen> {
        if self.state == State::Lost {
            return Vec::new();
        }
        self.bytes.extend_from_slice(bytes);
        let (mut seen, mut done) = (Vec::new(), 0);
        loop {
            let mut cursor = Cursor::new(&self.bytes[done..]);
            let (header, length) = match FrameHeader::parse(&mut cursor) {
                Ok(Some((header, length))) => (header, usize::try_from(length).unwrap_or(usize::MAX)),
                Ok(None) => break,
                Err(_) => return self.lose("what is no frame", seen),
            };
            let begin = done + usize::try_from(cursor.position()).unwrap_or_default();
            let known = self.message.as_ref().map_or(0, |(_, message)| message.len());
            if length.saturating_add(known) > MESSAGE_MAX {
                return self.lose("a message of more than 64 MiB", seen);
            }
            let Some(payload) = self.bytes.get(begin..begin + length) else { break };
            let payload = unmasked(payload, header.mask);
            done = begin + length;
            seen.extend(self.frame(&header, payload));
        }
        self.bytes.drain(..done);
        seen
    }

    fn lose(&mut self, kind: &'static str, mut seen: Vec<Seen>) -> Vec<Seen> {
        (self.state, self.bytes, self.message) = (State::Lost, Vec::new(), None);
        seen.push(Seen::Foreign(kind));
        seen
    }

    /// The message that a frame completes. Pings and pongs are none.
    fn frame(&mut self, header: &FrameHeader, payload: Vec<u8>) -> Option<Seen> {
        let data = match header.opcode {
            OpCode::Control(Control::Close) => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                return Some(Seen::Close(code));
            }
            OpCode::Control(_) => return None,
            OpCode::Data(data) => data,
        };
        let message = self.message.get_or_insert((data, Vec::new()));
        message.1.extend(payload);
        if !header.is_final {
            return None;
        }
        match self.message.take()? {
            (Data::Text, bytes) => Some(String::from_utf8(bytes).map_or(Seen::Foreign("no UTF-8"), Seen::Text)),
            _ => Some(Seen::Foreign("binary")),
        }
    }
}

fn unmasked(payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    match mask {
        Some(mask) => payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
        None => payload.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};

    fn bytes(frames: Vec<Frame>) -> Vec<u8> {
        let mut bytes = Vec::new();
        frames.into_iter().for_each(|frame| frame.format(&mut bytes).expect("memory"));
        bytes
    }

    fn masked(text: &str) -> Frame {
        let mut frame = Frame::message(text.to_owned(), OpCode::Data(Data::Text), true);
        frame.header_mut().mask = Some([1, 2, 3, 4]);
        frame
    }

    /// However the bytes are cut, the messages are the same: masked, in fragments with a ping between them, binary, closed.
    #[test]
    fn messages_are_read_from_any_pieces() {
        let fragment = |text: &'static str, data, last| Frame::message(text, OpCode::Data(data), last);
        let close = CloseFrame { code: 1001.into(), reason: "".into() };
        let all = bytes(vec![
            masked("{\"a\": 1}"),
            fragment("{\"b\"", Data::Text, false),
            Frame::ping("x"),
            fragment(": 2}", Data::Continue, true),
            fragment("x", Data::Binary, true),
            Frame::close(Some(close)),
        ]);
        let expected = [
            Seen::Text("{\"a\": 1}".to_owned()),
            Seen::Text("{\"b\": 2}".to_owned()),
            Seen::Foreign("binary"),
            Seen::Close(Some(1001)),
        ];
        for size in 1..all.len() {
            let mut tap = Tap::default();
            let seen: Vec<Seen> = all.chunks(size).flat_map(|piece| tap.take(piece)).collect();
            assert_eq!(seen, expected, "in pieces of {size}");
        }
    }

    /// What is no frame is reported once; the bytes pass all the same.
    #[test]
    fn what_is_no_frame_is_told_once() {
        let mut tap = Tap::default();
        assert_eq!(tap.take(&[0x83, 0x00]), [Seen::Foreign("what is no frame")]);
        assert_eq!(tap.take(&bytes(vec![masked("{}")])), []);
    }
}
