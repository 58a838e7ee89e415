#include "frontends/resnet/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <sstream>

#include "core/base/config_environment.h"

namespace ronde {
namespace {

constexpr double kLiveIntervalS = 0.2;
constexpr double kPlainIntervalS = 15;

std::string Fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string Percent(double fraction) { return Fixed(100 * fraction, 2) + "%"; }

std::string Duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::lround(std::max(0.0, seconds)));
  if (whole >= 3600)
    return std::to_string(whole / 3600) + "h" + std::to_string(whole / 60 % 60) + "m";
  if (whole >= 60) return std::to_string(whole / 60) + "m" + std::to_string(whole % 60) + "s";
  return std::to_string(whole) + "s";
}

std::size_t TerminalWidth() {
  const int columns = std::atoi(EnvironmentValue("COLUMNS").c_str());
  return columns > 20 ? static_cast<std::size_t>(columns) - 1 : 79;
}

// mpirun gives every rank a terminal of its own, whatever the user's is; ronderun passes on whether
// there is one.
bool HasTerminal() {
  const bool through_other_launcher =
      ReadLaunchEnvironment().under_mpi && EnvironmentValue("RONDE_LAUNCHED").empty();
  const std::string kind = EnvironmentValue("TERM");
  return !through_other_launcher && isatty(STDOUT_FILENO) != 0 && !kind.empty() && kind != "dumb";
}

}  // namespace

ProgressMode ChooseProgress(const std::string& mode, int rank) {
  if (rank != 0 || mode == "off") return ProgressMode::kOff;
  return mode == "auto" && HasTerminal() ? ProgressMode::kLive : ProgressMode::kPlain;
}

Progress::Progress(ProgressMode mode, int epochs, const Clock& clock)
    : mode_(mode), epochs_(epochs), clock_(clock) {}

double Progress::Seconds() const { return static_cast<double>(clock_.NowNs()) * 1e-9; }

void Progress::Say(const std::string& line) {
  if (mode_ == ProgressMode::kOff) return;
  ClearLine();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void Progress::ClearLine() {
  if (line_is_open_) std::fputs("\r\033[K", stdout);
  line_is_open_ = false;
}

void Progress::Rewrite(const std::string& line) {
  if (mode_ == ProgressMode::kPlain) return Say(line);
  std::printf("\r\033[K%s", line.substr(0, TerminalWidth()).c_str());
  std::fflush(stdout);
  line_is_open_ = true;
}

void Progress::StartEpoch(int epoch, std::int64_t steps, std::int64_t images_per_step,
                          std::int64_t steps_before) {
  epoch_ = epoch;
  steps_ = steps;
  steps_before_ = steps_before;
  images_per_step_ = images_per_step;
  epoch_start_s_ = last_print_s_ = Seconds();
}

void Progress::Step(std::int64_t step, std::optional<double> loss) {
  if (mode_ == ProgressMode::kOff) return;
  const double now = Seconds();
  const double interval = mode_ == ProgressMode::kLive ? kLiveIntervalS : kPlainIntervalS;
  if (now - last_print_s_ < interval) return;
  last_print_s_ = now;
  const double passed = now - epoch_start_s_;
  const double per_step = passed / static_cast<double>(step - steps_before_);
  const double epoch_s =
      seconds_per_epoch_ > 0 ? seconds_per_epoch_ : per_step * static_cast<double>(steps_);
  const double left = per_step * static_cast<double>(steps_ - step) + epoch_s * (epochs_ - epoch_);
  std::ostringstream line;
  line << "epoch " << epoch_ << "/" << epochs_ << "  step " << step << "/" << steps_;
  if (loss) line << "  loss " << Fixed(*loss, 3);
  line << "  " << Fixed(static_cast<double>(images_per_step_) / per_step, 0) << " images/s  "
       << Duration(left) << " left";
  Rewrite(line.str());
}

void Progress::StartEvaluation() {
  if (mode_ == ProgressMode::kLive) Rewrite("epoch " + std::to_string(epoch_) + ": evaluating");
}

void Progress::EndEpoch(const EpochRecord& record) {
  seconds_per_epoch_ = Seconds() - epoch_start_s_;
  if (mode_ == ProgressMode::kOff) return;
  std::ostringstream line;
  line << "epoch " << std::setw(static_cast<int>(std::to_string(epochs_).size())) << record.epoch
       << "/" << epochs_ << "  " << std::left << std::setw(9) << record.phase;
  if (record.train_loss) line << "  loss " << Fixed(*record.train_loss, 3);
  if (record.train_top1) line << "  top-1 " << Percent(*record.train_top1);
  if (record.validation_top1) line << "  validation " << Percent(*record.validation_top1);
  line << "  " << Fixed(record.images_per_second, 0) << " images/s  lr " << std::setprecision(3)
       << record.learning_rate;
  Say(line.str());
}

}  // namespace ronde
