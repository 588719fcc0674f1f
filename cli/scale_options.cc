// Options of batches and of the server, in CLI11.
//
// Copyright the Decal authors.
// SPDX-License-Identifier: MIT
#include "cli/scale_options.h"

#include <CLI/CLI.hpp>

#include "border/rules.h"
#include "cli/cut_options.h"

namespace decal::cli {

void AddBatchOptions(CLI::App& app, BatchOptions& options, std::string& on_error) {
  app.add_option("--from", options.from,
                 "Folder (searched recursively), list of pictures, or - for a list on standard input")
      ->required()
      ->type_name("LIST");
  app.add_option("--to", options.to, "Folder for the results")->required()->type_name("FOLDER");
  app.add_option("--base", options.base, "Paths of results are relative to this folder (default: the current one)")
      ->type_name("FOLDER");
  app.add_option("--journal", options.journal, "Folder for the journal (default: .decal in --to)")->type_name("FOLDER");
  app.add_option("--shard", options.shard, "Process part i of n, from 0 (default: from Slurm, Kubernetes or AWS Batch)")
      ->type_name("I/N");
  app.add_option("--workers", options.workers, "Worker processes (default: one for every four cores)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
  app.add_flag("--retry-failed", options.retry_failed, "Retry pictures that failed because of their contents");
  app.add_option("--on-error", on_error, "After a failure: continue or stop (default: continue)")
      ->check(CLI::IsMember({"continue", "stop"}))
      ->type_name("WHAT");
  app.add_flag("--fsync", options.sync, "fsync each result and its journal line");
  app.add_flag("--fail-if-empty", options.fail_if_empty, "Exit with code 3 if no subject is found");
  app.add_flag("--json", options.json, "Print the journal's lines and a summary");
  app.add_flag("-q,--quiet", options.quiet, "Print errors and the summary only");
}

void AddServeOptions(CLI::App& app, ServeOptions& options) {
  app.add_option("--host", options.host, "Address to listen on (default: 127.0.0.1, this machine only)")
      ->type_name("HOST");
  app.add_option("--port", options.port, "Port; 0 chooses a free one (default: 7000)")
      ->check(CLI::Range(0, 65535))
      ->type_name("N");
  app.add_option("--with-model", options.more_models, "Another model that requests may choose; repeatable")
      ->type_name("MODEL")
      ->expected(1)
      ->take_all();
  app.add_option("--workers", options.workers,
                 "Pictures processed at the same time (default: one for every four cores)")
      ->check(Obeys(rules::kCommandThreads))
      ->type_name("N");
  app.add_option("--queue", options.queue, "Requests that may wait; further ones get 503 (default: 16)")
      ->check(CLI::Range(0, 10000))
      ->type_name("N");
  app.add_option("--connections", options.connections, "Open connections; further ones get 503 (default: 256)")
      ->check(CLI::Range(1, 10000))
      ->type_name("N");
  app.add_option("--max-upload", options.max_upload, "Most bytes of an upload, such as 32M (default: 32 MiB)")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  app.add_option("--max-pixels", options.max_pixels,
                 "Most pixels of a picture, checked in its header (default: 64000000)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 28))
      ->type_name("N");
  app.add_option("--timeout", options.timeout, "Time limit of a request in seconds, transfers included (default: 60)")
      ->check(CLI::Range(1, 86400))
      ->type_name("S");
  app.add_option("--idle-timeout", options.idle_timeout, "Seconds until an idle connection is closed (default: 5)")
      ->check(CLI::Range(1, 3600))
      ->type_name("S");
  app.add_option("--grace", options.grace, "Seconds to finish running requests after SIGTERM (default: 25)")
      ->check(CLI::Range(0, 86400))
      ->type_name("S");
  app.add_option("--token-file", options.token_file, "Require the bearer token in this file (or in DECAL_SERVE_TOKEN)")
      ->type_name("PATH");
  app.add_option("--allow-url-host", options.url_hosts, "Host that GET /api/remove?url= may fetch from; repeatable")
      ->type_name("HOST[:PORT]")
      ->expected(1)
      ->take_all();
  app.add_flag("--allow-private-urls", options.private_urls, "Allow those hosts to be in private networks");
  app.add_flag("--json", options.json, "Log one line of JSON per request instead of text");
  app.add_flag("-q,--quiet", options.quiet, "Do not log requests");
}

}  // namespace decal::cli
