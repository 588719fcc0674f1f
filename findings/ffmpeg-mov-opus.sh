#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# libavformat says that MOV holds Opus, FLAC and TrueHD (avformat_query_codec gives 1), and its MOV muxer then refuses them: a program that asks
# before it copies a file's sound fails when it writes the header.
#
# Expected: 0 for a codec that the muxer does not take, as for AAC in WebM.
# Seen (Debian 12's FFmpeg 5.1.9): 1, and avformat_write_header gives EINVAL ("only supported in MP4"). In MP4 all three are written.
# Fails when that is no longer so. Needs gcc, pkg-config and libavformat-dev.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >look.c <<'C'
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdio.h>

static int header(const char* muxer, enum AVCodecID codec) {
  AVFormatContext* output = NULL;
  avformat_alloc_output_context2(&output, NULL, muxer, NULL);
  AVStream* stream = avformat_new_stream(output, NULL);
  AVCodecParameters* sound = stream->codecpar;
  sound->codec_type = AVMEDIA_TYPE_AUDIO;
  sound->codec_id = codec;
  sound->sample_rate = 48000;
  sound->frame_size = 960;
  av_channel_layout_default(&sound->ch_layout, 2);
  sound->extradata_size = 34;  // a STREAMINFO of FLAC, or an OpusHead
  sound->extradata = av_mallocz(34 + AV_INPUT_BUFFER_PADDING_SIZE);
  avio_open_dyn_buf(&output->pb);
  output->strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL;
  return avformat_write_header(output, NULL);
}

int main(void) {
  av_log_set_level(AV_LOG_QUIET);
  const enum AVCodecID codecs[] = {AV_CODEC_ID_OPUS, AV_CODEC_ID_FLAC};
  int as_seen = 1;
  printf("libavformat %s\n", AV_STRINGIFY(LIBAVFORMAT_VERSION));
  for (int i = 0; i < 2; ++i) {
    const int says = avformat_query_codec(av_guess_format("mov", NULL, NULL), codecs[i], FF_COMPLIANCE_NORMAL);
    const int mov = header("mov", codecs[i]), mp4 = header("mp4", codecs[i]);
    printf("%s: query says %d; header of mov %d, of mp4 %d\n", avcodec_get_name(codecs[i]), says, mov, mp4);
    as_seen = as_seen && says == 1 && mov == AVERROR(EINVAL) && mp4 >= 0;
  }
  return as_seen ? 0 : 1;
}
C
gcc -o look look.c $(pkg-config --cflags --libs libavformat libavcodec libavutil)
./look
