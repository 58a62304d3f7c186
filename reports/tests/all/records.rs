//! Records files: what is written comes back, and what is broken is said.

use std::io;

use colo_reports::{ReadError, Record, RecordWriter, SCHEMA, read_records};

use crate::cases;

fn written(records: &[Record]) -> Vec<u8> {
    let mut writer = RecordWriter::new(Vec::new(), &cases::header()).expect("a vector takes all");
    for record in records {
        writer.write(record).expect("a vector takes all");
    }
    writer.finish().expect("a vector takes all")
}

/// Every line of a file, those that are wrong as their message.
fn read(file: &[u8]) -> Vec<Result<Record, String>> {
    let (_, records) = read_records(file).expect("the header is whole");
    records.map(|record| record.map_err(|error| error.to_string())).collect()
}

fn refused(file: &[u8]) -> String {
    read_records(file).expect_err("the header is wrong").to_string()
}

#[test]
fn what_is_written_comes_back() {
    let records =
        [cases::awkward(), cases::clean(u64::MAX), cases::violating(42, 2), cases::aborting(43)];
    let file = written(&records);
    let (header, back) = read_records(file.as_slice()).expect("the header is whole");
    assert_eq!(header, cases::header());
    let back: Result<Vec<_>, _> = back.collect();
    assert_eq!(back.expect("all lines are whole"), records);
    assert_eq!(file.split(|byte| *byte == b'\n').count(), 1 + records.len() + 1);
}

#[test]
fn a_line_looks_like_this() {
    let file = String::from_utf8(written(&[cases::aborting(43)])).expect("JSON is UTF-8");
    insta::assert_snapshot!("records", file);
}

#[test]
fn wherever_a_run_is_killed_all_but_the_last_line_is_kept() {
    let records = [cases::clean(1), cases::awkward()];
    let file = written(&records);
    let first_two = file.len() - written(&records[1..]).len() + written(&[]).len();
    for end in first_two + 1..file.len() - 1 {
        let lines = read(&file[..end]);
        assert_eq!(lines.len(), 2, "cut at {end}");
        assert_eq!(lines[0].as_ref(), Ok(&records[0]), "cut at {end}");
        let error = lines[1].as_ref().expect_err("the last line is cut");
        assert!(error.starts_with("line 3 breaks off"), "cut at {end}: {error}");
    }
    assert_eq!(read(&file[..first_two]), [Ok(records[0].clone())], "cut between two lines");
    assert_eq!(read(&file[..file.len() - 1]).len(), 2, "only the newline is missing");
    assert_eq!(read(&file[..file.len() - 1])[1].as_ref(), Ok(&records[1]));
}

#[test]
fn a_wrong_line_is_named_and_the_next_is_read() {
    let mut file = written(&[cases::clean(1)]);
    file.extend_from_slice(b"{\"plan\": \"no digest\"}\n\n{\"digest\": \"+00000000000002a\"}\n");
    file.extend_from_slice(&written(&[cases::clean(2)]));
    let lines = read(&file);
    let errors: Vec<_> = lines.iter().filter_map(|line| line.as_ref().err()).collect();
    insta::assert_debug_snapshot!(errors, @r#"
    [
        "line 3 is no record (missing field `digest` at column 21); remove the line, or run the plans again",
        "line 5 is no record (`+00000000000002a` is not 16 hex digits at column 30); remove the line, or run the plans again",
        "line 6 is a second header; give the files one by one, they are merged by name of point",
    ]
    "#);
    let whole: Vec<_> = lines.iter().filter_map(|line| line.as_ref().ok()).collect();
    assert_eq!(whole, [&cases::clean(1), &cases::clean(2)]);
}

#[test]
fn a_record_with_more_points_than_its_header_is_of_another_run() {
    let mut record = cases::clean(1);
    record.points = vec![1; 12];
    let lines = read(&written(&[record]));
    let error = lines[0].as_ref().expect_err("there are 11 points");
    assert!(error.starts_with("line 2 counts 12 coverage points, the header names 11"), "{error}");
}

#[test]
fn old_readers_take_new_files_and_new_readers_old_ones() {
    let file = br#"{"schema": 1, "profile": "seed", "later": {"a": [1]}}
{"digest": "000000000000002a", "later": 1, "counts": {"checkpoints": 2, "later": 3}, "violations": [{"invariant": "view", "later": 4}]}
"#;
    let (header, records) = read_records(file.as_slice()).expect("the header is whole");
    assert_eq!((header.profile.as_str(), header.points.len()), ("seed", 0));
    let records: Result<Vec<_>, _> = records.collect();
    let record = &records.expect("the record is whole")[0];
    assert_eq!((record.digest, record.counts.checkpoints), (0x2a, 2));
    assert_eq!(record.violations[0].invariant, "view");
}

#[test]
fn what_is_no_records_file_says_what_to_do() {
    insta::assert_snapshot!(refused(b""), @"the records file is empty; run the plans again");
    insta::assert_snapshot!(refused(b"{\"steps\": []}\n"), @"line 1 is no header, so this is no records file (missing field `schema` at column 13); give a file that a run wrote");
    insta::assert_snapshot!(refused(b"{\"schema\":1,\"vers"), @"line 1 breaks off: the run was stopped while it wrote; the records before it are whole, run the rest again");
    insta::assert_snapshot!(refused(b"{\"schema\": 2}\n"), @"line 1: the records have schema 2, this version reads 1 to 1; read them with the version that wrote them");
    assert_eq!(SCHEMA, 1, "the message above names it");
}

/// Takes so many bytes, then the disk is full.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_names_the_line_that_did_not_fit() {
    let room = Full(written(&[Record::default()]).len() + 1);
    let mut writer = RecordWriter::new(room, &cases::header()).expect("the header fits");
    writer.write(&Record::default()).expect("one record fits");
    let error = writer.write(&Record::default()).expect_err("two do not");
    assert_eq!(error.line, 3);
}

/// Gives a header and a half, then fails.
struct Failing(io::Cursor<Vec<u8>>);

impl io::Read for Failing {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.0.read(into)? {
            0 => Err(io::ErrorKind::ConnectionReset.into()),
            some => Ok(some),
        }
    }
}

#[test]
fn a_failing_read_ends_the_file() {
    let failing = Failing(io::Cursor::new(written(&[cases::clean(1)])));
    let (_, mut records) = read_records(io::BufReader::new(failing)).expect("the header is read");
    assert_eq!(records.next().map(Result::ok), Some(Some(cases::clean(1))));
    assert!(matches!(records.next(), Some(Err(ReadError::Io { line: 3, .. }))));
    assert!(records.next().is_none());
}
