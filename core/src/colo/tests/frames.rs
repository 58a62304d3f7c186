//! The stream of bytes: what it looks like from now on, and what a reader takes from a stranger.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::colo::{FRAME_MAX, FrameError, Message, Node, Reader};

const LENGTH_BYTES: usize = 4;

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0xF4A_3E5),
        ..ProptestConfig::default()
    }
}

fn message() -> impl Strategy<Value = Message> {
    let node = prop::sample::select(Node::ALL.to_vec());
    prop_oneof![
        (node, any::<u32>()).prop_map(|(node, life)| Message::Hello { node, life }),
        any::<bool>().prop_map(|replicating| Message::Ready { replicating }),
        any::<u32>().prop_map(|number| Message::Heartbeat { number }),
        (any::<u32>(), any::<u32>()).prop_map(|(number, life)| Message::Alive { number, life }),
        any::<u32>().prop_map(|epoch| Message::CheckpointRequest { epoch }),
        (any::<u32>(), any::<bool>())
            .prop_map(|(epoch, ok)| Message::CheckpointReply { epoch, ok }),
        (any::<u32>(), prop::collection::vec(any::<u32>(), 0..64))
            .prop_map(|(epoch, writes)| Message::VmState { epoch, writes }),
        (any::<u32>(), any::<bool>()).prop_map(|(epoch, ok)| Message::CheckpointDone { epoch, ok }),
        any::<u32>().prop_map(|epoch| Message::Abandon { epoch }),
        any::<bool>().prop_map(|ok| Message::Stopped { ok }),
        any::<u32>().prop_map(|number| Message::Renew { number }),
        (any::<u32>(), any::<bool>())
            .prop_map(|(number, granted)| Message::Lease { number, granted }),
        prop::sample::select(vec![
            Message::Stop,
            Message::Yield,
            Message::Yielded,
            Message::Release,
            Message::Claim,
            Message::Granted,
            Message::Denied,
        ]),
    ]
}

fn encoded(messages: &[Message]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for message in messages {
        message.encode(&mut bytes);
    }
    bytes
}

fn frame(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a test's text is short");
    [&length.to_be_bytes(), text].concat()
}

/// Everything that comes out of these pieces, and how it ended.
fn read(pieces: &[&[u8]]) -> (Vec<Message>, Result<(), FrameError>) {
    let (mut reader, mut messages) = (Reader::default(), Vec::new());
    for piece in pieces {
        reader.receive(piece);
        assert!(reader.kept() <= FRAME_MAX + LENGTH_BYTES + piece.len(), "{}", reader.kept());
        loop {
            match reader.next_message() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return (messages, Err(error)),
            }
        }
        assert!(reader.kept() < FRAME_MAX + LENGTH_BYTES, "a whole frame is never kept");
    }
    (messages, Ok(()))
}

fn error_of(bytes: &[u8]) -> FrameError {
    let (messages, end) = read(&[bytes]);
    assert_eq!(messages, []);
    end.expect_err("this is no message")
}

/// The format is fixed: whoever changes one of these changes the version.
#[test]
fn frames_look_like_this() {
    let frames: [(Message, &[u8]); 6] = [
        (
            Message::Hello { node: Node::Primary, life: 3 },
            b"\0\0\0\x3d{\"version\":1,\"message\":{\"hello\":{\"node\":\"primary\",\"life\":3}}}",
        ),
        (
            Message::Heartbeat { number: 7 },
            b"\0\0\0\x32{\"version\":1,\"message\":{\"heartbeat\":{\"number\":7}}}",
        ),
        (
            Message::CheckpointReply { epoch: 2, ok: false },
            b"\0\0\0\x43{\"version\":1,\"message\":{\"checkpoint_reply\":{\"epoch\":2,\"ok\":false}}}",
        ),
        (
            Message::VmState { epoch: 2, writes: vec![0, 41] },
            b"\0\0\0\x40{\"version\":1,\"message\":{\"vm_state\":{\"epoch\":2,\"writes\":[0,41]}}}",
        ),
        (
            Message::Lease { number: 4_294_967_295, granted: true },
            b"\0\0\0\x46{\"version\":1,\"message\":{\"lease\":{\"number\":4294967295,\"granted\":true}}}",
        ),
        (Message::Claim, b"\0\0\0\x1f{\"version\":1,\"message\":\"claim\"}"),
    ];
    for (message, bytes) in frames {
        let ours = encoded(std::slice::from_ref(&message));
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(bytes));
        assert_eq!(read(&[bytes]), (vec![message], Ok(())));
    }
}

#[test]
fn a_length_beyond_the_most_is_too_long_before_anything_else_has_come() {
    let length = u32::try_from(FRAME_MAX + 1).expect("a frame is short");
    assert_eq!(error_of(&length.to_be_bytes()), FrameError::TooLong);
    assert_eq!(error_of(&[0xFF; LENGTH_BYTES]), FrameError::TooLong);
}

#[test]
fn the_longest_frame_is_waited_for() {
    let length = u32::try_from(FRAME_MAX).expect("a frame is short");
    let (first, rest) = (length.to_be_bytes(), vec![b' '; FRAME_MAX - 1]);
    assert_eq!(read(&[&first, &rest]), (vec![], Ok(())));
    assert_eq!(read(&[&first, &rest, b" "]), (vec![], Err(FrameError::NoMessage)));
}

#[test]
fn what_is_not_a_message_is_no_message() {
    let texts: [&[u8]; 9] = [
        b"",
        b"{",
        b"\xFF\xFE",
        b"null",
        b"{\"version\":1}",
        b"{\"version\":1,\"message\":\"surrender\"}",
        b"{\"version\":1,\"message\":{\"heartbeat\":{\"number\":-1}}}",
        b"{\"version\":1,\"message\":{\"heartbeat\":{\"number\":1,\"more\":2}}}",
        b"{\"version\":1,\"message\":\"claim\",\"more\":2}",
    ];
    for text in texts {
        assert_eq!(error_of(&frame(text)), FrameError::NoMessage, "{}", text.escape_ascii());
    }
}

/// Whatever another version says, its number is what is wrong with it.
#[test]
fn another_version_is_told_apart() {
    for text in ["{\"version\":2,\"message\":\"claim\"}", "{\"version\":0,\"message\":[\"new\"]}"] {
        assert_eq!(error_of(&frame(text.as_bytes())), FrameError::Version, "{text}");
    }
}

#[test]
fn each_error_says_something_else() {
    let mut texts: Vec<_> = FrameError::ALL.iter().map(ToString::to_string).collect();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), FrameError::ALL.len());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_stream_may_be_cut_anywhere(
        messages in prop::collection::vec(message(), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        let bytes = encoded(&messages);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(read(&pieces), (messages, Ok(())));
    }

    /// What came before the damage is what was sent. What comes after it, if anything, is another
    /// message of this protocol or the end.
    #[test]
    fn damage_panics_nobody_and_reaches_back_to_nothing(
        messages in prop::collection::vec(message(), 1..8),
        at: prop::sample::Index,
        with: u8,
        piece in 1..64usize,
    ) {
        let mut bytes = encoded(&messages);
        let at = at.index(bytes.len());
        bytes[at] = with;
        let pieces: Vec<_> = bytes.chunks(piece).collect();
        let (read, _) = read(&pieces);
        let before = (0..=messages.len()).rev().find(|&n| encoded(&messages[..n]).len() <= at);
        let before = before.expect("nothing is never too long");
        prop_assert!(read.len() >= before, "{:?}", read);
        prop_assert_eq!(&read[..before], &messages[..before]);
    }

    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..9_000), piece in 1..5_000usize) {
        let pieces: Vec<_> = bytes.chunks(piece).collect();
        prop_assert_eq!(read(&pieces), read(&[&bytes]));
    }

    /// Frames of a right length and a text that is almost right come further than any bytes.
    #[test]
    fn almost_messages_panic_nobody(texts in prop::collection::vec("[\\[\\]{}\":,0-9a-z_]{0,64}", 0..8)) {
        let bytes: Vec<_> = texts.iter().flat_map(|text| frame(text.as_bytes())).collect();
        let (messages, end) = read(&[&bytes]);
        prop_assert!(messages.len() == texts.len() || end.is_err());
    }
}
