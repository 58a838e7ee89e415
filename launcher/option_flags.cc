#include "launcher/option_flags.h"

#include <functional>
#include <vector>

#include <CLI/CLI.hpp>

#include "launcher/hostfile.h"
#include "launcher/option_values.h"

namespace ronde {
namespace {

void SayWrong(const Status& status) {
  if (!status.ok()) throw CLI::ParseError(status.message(), 2);
}

// Runs `set` on a given value; what it says goes to the user.
CLI::Option* AddText(CLI::App& app, const std::string& names, const std::string& type,
                     const std::string& help,
                     const std::function<Status(const std::string&)>& set) {
  return app
      .add_option_function<std::string>(
          names, [set](const std::string& value) { SayWrong(set(value)); }, help)
      ->type_name(type);
}

void AddRankFlags(CLI::App& app, LaunchOptions* options) {
  app.option_defaults()->group("Ranks and hosts");
  AddText(
      app, "-n,--np", "N [all slots of a batch system's job]", "number of ranks (also: -np N)",
      [options](const std::string& text) { return ParseRankCount(text, &options->rank_count); });
  AddText(app, "-H,--hosts", "H1:N1,H2:N2,... [the batch system's; else this machine]",
          "hosts and their slots; a host alone has one slot",
          [options](const std::string& text) -> Status {
            RONDE_ASSIGN_OR_RETURN(options->hosts, ParseHostList(text));
            options->hosts_given_by = "-H";
            return Status::Ok();
          });
  AddText(app, "--hostfile", "FILE",
          "the same from a file, lines of the form 'host slots=N' or 'host:N'",
          [options](const std::string& text) -> Status {
            RONDE_ASSIGN_OR_RETURN(options->hosts, ReadHostfile(text));
            options->hosts_given_by = "--hostfile";
            return Status::Ok();
          });
  AddText(app, "--bind", "auto|core|numa|none [auto]",
          "what a rank is bound to: auto binds to NUMA nodes where ranks spread over them evenly "
          "with two cores or more each, else to nothing; core puts a rank's engine and its "
          "computation on one core",
          [options](const std::string& text) -> Status {
            RONDE_ASSIGN_OR_RETURN(options->binding, ParseBinding(text));
            return Status::Ok();
          });
  app.add_option_function<std::vector<std::string>>(
         "--env",
         [options](const std::vector<std::string>& values) {
           for (const std::string& text : values) {
             SayWrong(ParseVariable(text, &options->environment));
           }
         },
         "a variable for every rank, with ronderun's value or this one; may be repeated. PATH, "
         "LD_LIBRARY_PATH, PYTHONPATH, RONDE_*, OMP_* and UCX_* go along always")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false);
}

void AddStartFlags(CLI::App& app, LaunchOptions* options, std::string* config_file) {
  app.option_defaults()->group("Start");
  AddText(app, "--config-file", "FILE",
          "flags from a YAML file, one 'flag: value' a line without the dashes; flags of the "
          "command line win",
          [config_file](const std::string& text) {
            *config_file = text;
            return Status::Ok();
          });
  AddText(app, "--launcher", "auto|mpirun|srun [auto]",
          "what starts the ranks: auto is mpirun, or srun in a Slurm job without mpirun",
          [options](const std::string& text) { return ParseLauncher(text, &options->launcher); });
  AddText(app, "--mpi-home", "DIR [mpirun from PATH]",
          "the folder of the Open MPI to use, on every host",
          [options](const std::string& text) { return ParseMpiHome(text, &options->mpi_home); });
  AddText(app, "--ssh-port", "PORT [ssh's own]", "the port that hosts are reached at by ssh",
          [options](const std::string& text) { return ParsePort(text, &options->ssh_port); });
  AddText(app, "--ssh-identity-file", "FILE [ssh's own]", "the private key that ssh uses",
          [options](const std::string& text) {
            return ParseIdentityFile(text, &options->ssh_identity_file);
          });
  app.add_flag("--no-preflight", options->no_preflight,
               "start at once on other hosts, without asking them first for the program, versions, "
               "shared memory and networks");
}

void AddFailureFlags(CLI::App& app, LaunchOptions* options) {
  app.option_defaults()->group("Failures");
  AddText(app, "--start-timeout-s", "S [0]",
          "seconds within which every rank must have initialised Ronde; then the job ends with the "
          "hosts and ranks that have not; 0 is no limit",
          [options](const std::string& text) {
            return ParseSeconds("--start-timeout-s", text, &options->start_timeout_s);
          });
  AddText(app, "--stop-timeout-s", "S [30]",
          "seconds that ranks have to save and end after Ctrl-C or SIGTERM; 0 ends them at once, "
          "as a second Ctrl-C does",
          [options](const std::string& text) {
            return ParseSeconds("--stop-timeout-s", text, &options->stop_timeout_s);
          });
}

void AddOutputFlags(CLI::App& app, LaunchOptions* options) {
  app.option_defaults()->group("Output");
  AddText(app, "--output-directory", "DIR",
          "also write every rank's output to DIR/rank.N/stdout and stderr, on the rank's host",
          [options](const std::string& text) {
            return ParseOutputDirectory(text, &options->output_directory);
          });
  app.add_flag("--tag-output", options->tag_output, "put '[rank] ' in front of every line");
  app.add_flag("--check-build", options->check_build,
               "print what this Ronde was built with, start nothing");
  app.add_flag("--dry-run", options->dry_run, "print the command line, start nothing");
  app.add_flag("--verbose", options->verbose,
               "print the command line before the start, and keep mpirun's own messages");
}

}  // namespace

void AddLaunchFlags(CLI::App& app, LaunchOptions* options, std::string* config_file) {
  AddRankFlags(app, options);
  AddStartFlags(app, options, config_file);
  AddFailureFlags(app, options);
  AddOutputFlags(app, options);
}

}  // namespace ronde
