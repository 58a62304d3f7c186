//! Every verb in every stage (spec 2.3, 2.4, 2.6): answer, stages and the rest of the state, get_error after it.

use colo_core::Quirk::{
    CancelCountsAsLoss as CCL, FailedFailoverIsFinal as FFF, PlannedStopCancelsFirst as PSC,
};
use colo_core::{DiskId, Quirk};

use crate::bench::{Bench, Do, Kind};
use crate::messages::*;
use crate::table::*;

const RELEASE: Do = Do::Release(DiskId::Secondary, Kind::W);
const HOLD: Do = Do::Hold(DiskId::Secondary, Kind::W);
const LOSS: &[Quirk] = &[CCL];
const PLANNED: &[Quirk] = &[PSC, CCL];

#[rustfmt::skip]
pub(crate) const PRIMARY: &[Row] = &[
    row(PN, &[START_P], OK, "N>R", OK),
    row(PN, &[START_S], M6_PRIMARY, "N", M21),
    row(PN, &[CHECKPOINT], OK, "N", M21),
    row(PN, &[GET_ERROR], M21, "N", M21),
    row(PN, &[STOP], M21, "N", M21),
    row(PN, &[FAILOVER], M21, "N", M21),
    row(PN, &[CLOSE], OK, "N closed", CLOSED),

    row(PR, &[START_P], M5, "R", OK),
    row(PR, &[START_S], M5, "R", OK),
    row(PR, &[CHECKPOINT], OK, "R", OK),
    row(PR, &[GET_ERROR], OK, "R", OK),
    row(PR, &[STOP], OK, "R>D", OK),
    row(PR, &[FAILOVER], OK, "R>D", OK),
    row(PR, &[CLOSE], OK, "R>D closed", CLOSED),

    row(PR_LOST, &[START_P], M5, "R", M22),
    row(PR_LOST, &[START_S], M5, "R", M22),
    row(PR_LOST, &[CHECKPOINT], OK, "R", M22),
    row(PR_LOST, &[GET_ERROR], M22, "R", M22),
    row(PR_LOST, &[STOP], OK, "R>D", OK),
    row(PR_LOST, &[FAILOVER], OK, "R>D", OK),
    row(PR_LOST, &[CLOSE], OK, "R>D closed", CLOSED),

    row(PD, &[START_P], OK, "D", OK),
    row(PD, &[START_S], OK, "D", OK),
    row(PD, &[CHECKPOINT], OK, "D", OK),
    row(PD, &[GET_ERROR], OK, "D", OK),
    row(PD, &[STOP], OK, "D", OK),
    row(PD, &[FAILOVER], OK, "D", OK),
    row(PD, &[CLOSE], OK, "D closed", CLOSED),
];

#[rustfmt::skip]
pub(crate) const SECONDARY: &[Row] = &[
    row(SN, &[START_S], OK, "N>R backup blocked hidden-rw", OK),
    row(SN, &[START_P], M6_SECONDARY, "N", M21),
    row(SN, &[CHECKPOINT], M15, "N", M21),
    row(SN, &[GET_ERROR], M21, "N", M21),
    row(SN, &[STOP], M21, "N", M21),
    row(SN, &[FAILOVER], M21, "N", M21),
    row(SN, &[CLOSE], OK, "N closed", CLOSED),

    row(SR, &[START_S], M5, "R backup blocked hidden-rw", OK),
    row(SR, &[START_P], M5, "R backup blocked hidden-rw", OK),
    row(SR, &[CHECKPOINT], OK, "R backup blocked hidden-rw", OK),
    row(SR, &[GET_ERROR], OK, "R backup blocked hidden-rw", OK),
    row(SR, &[STOP], M15, "R>D", M22)
        .but(PLANNED, OK, "R>D pivoted", OK),
    row(SR, &[HOLD, FAILOVER], OK, "R>F commit", M22)
        .but(LOSS, OK, "R>F commit", OK),
    row(SR, &[FAILOVER], OK, "R>F>D pivoted", OK),
    row(SR, &[CLOSE], OK, "R>D closed", CLOSED)
        .but(&[PSC], OK, "R>D pivoted closed", CLOSED),

    row(SR_LOST, &[START_S], M5, "R", M22),
    row(SR_LOST, &[START_P], M5, "R", M22),
    row(SR_LOST, &[CHECKPOINT], M15, "R", M22),
    row(SR_LOST, &[GET_ERROR], M22, "R", M22),
    row(SR_LOST, &[STOP], M15, "R>D", M22)
        .but(&[PSC], OK, "R>D pivoted", M22),
    row(SR_LOST, &[HOLD, FAILOVER], OK, "R>F commit", M22),
    row(SR_LOST, &[FAILOVER], OK, "R>F>D pivoted", OK),
    row(SR_LOST, &[CLOSE], OK, "R>D closed", CLOSED)
        .but(&[PSC], OK, "R>D pivoted closed", CLOSED),

    row(SF, &[START_S], OK, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[START_P], OK, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[CHECKPOINT], OK, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[GET_ERROR], M22, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[STOP], OK, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[FAILOVER], OK, "F commit", M22).but(LOSS, OK, "F commit", OK),
    row(SF, &[CLOSE, RELEASE], OK, "F>FF closed", CLOSED),

    row(SFF, &[START_S], M5, "FF", M22),
    row(SFF, &[START_P], M5, "FF", M22),
    row(SFF, &[CHECKPOINT], M15, "FF", M22),
    row(SFF, &[GET_ERROR], M22, "FF", M22),
    row(SFF, &[STOP], M21, "FF", M22),
    row(SFF, &[FAILOVER], M21, "FF", M22).but(&[FFF], OK, "FF>F>D pivoted", OK),
    row(SFF, &[CLOSE], OK, "FF closed", CLOSED),

    row(SD, &[START_S], OK, "D pivoted", OK),
    row(SD, &[START_P], OK, "D pivoted", OK),
    row(SD, &[CHECKPOINT], OK, "D pivoted", OK),
    row(SD, &[GET_ERROR], OK, "D pivoted", OK),
    row(SD, &[STOP], OK, "D pivoted", OK),
    row(SD, &[FAILOVER], OK, "D pivoted", OK),
    row(SD, &[CLOSE], OK, "D pivoted closed", CLOSED),

    row(SD_PLANNED, &[START_S], OK, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[START_P], OK, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[CHECKPOINT], OK, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[GET_ERROR], M22, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[STOP], OK, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[FAILOVER], OK, "D", M22).but(PLANNED, OK, "D pivoted", OK),
    row(SD_PLANNED, &[CLOSE], OK, "D closed", CLOSED).but(&[PSC], OK, "D pivoted closed", CLOSED),
];

#[test]
fn the_primarys_verbs_stage_by_stage() {
    check(PRIMARY, Bench::state);
}

#[test]
fn the_secondarys_verbs_stage_by_stage() {
    check(SECONDARY, Bench::state);
}
