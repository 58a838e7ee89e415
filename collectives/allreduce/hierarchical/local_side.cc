#include "collectives/allreduce/hierarchical/local_side.h"

namespace ronde {

Result<std::unique_ptr<LocalSide>> MakeLocalSide(CollectiveContext& context,
                                                 const AllreduceArguments& arguments,
                                                 const HierarchicalPlan& plan) {
  switch (plan.local) {
    case LocalForm::kAlone:
      return MakeAloneSide(arguments, plan);
    case LocalForm::kRegistered:
      return MakeRegisteredSide(context, arguments, plan);
    case LocalForm::kSlots:
      break;
  }
  return MakeSlotsSide(context, arguments, plan);
}

}  // namespace ronde
