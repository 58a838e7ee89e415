"""ronde-train's ResNet-8 and ResNet-20 in PyTorch: the same layers, names and initial weights."""

import torch
from torch import nn


def convolution(channels_in, channels_out, kernel, stride=1):
    return nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)


class BasicBlock(nn.Module):
    """relu(bn2(conv2(relu(bn1(conv1 x)))) + shortcut x), all 3x3."""

    def __init__(self, channels_in, channels_out, stride):
        super().__init__()
        self.conv1 = convolution(channels_in, channels_out, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.conv2 = convolution(channels_out, channels_out, 3)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.downsample = None
        if stride != 1 or channels_in != channels_out:
            self.downsample = nn.Sequential(convolution(channels_in, channels_out, 1, stride),
                                            nn.BatchNorm2d(channels_out))
        nn.init.zeros_(self.bn2.weight)

    def forward(self, images):
        x = self.bn1(self.conv1(images)).relu_()
        x = self.bn2(self.conv2(x))
        shortcut = images if self.downsample is None else self.downsample(images)
        return x.add_(shortcut).relu_()


class ResNet(nn.Module):
    """Three stages of `blocks` blocks behind a 3x3 stem (He et al. 2016, section 4.2)."""

    def __init__(self, blocks, width, image_channels, classes):
        super().__init__()
        self.conv1 = convolution(image_channels, width, 3)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self.stage(width, width, blocks, 1)
        self.layer2 = self.stage(width, 2 * width, blocks, 2)
        self.layer3 = self.stage(2 * width, 4 * width, blocks, 2)
        self.fc = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.fc.weight, 0, 0.01)
        nn.init.zeros_(self.fc.bias)

    @staticmethod
    def stage(channels_in, channels_out, blocks, stride):
        first = BasicBlock(channels_in, channels_out, stride)
        return nn.Sequential(first, *(BasicBlock(channels_out, channels_out, 1)
                                      for _ in range(blocks - 1)))

    def forward(self, images):
        x = self.bn1(self.conv1(images)).relu_()
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


def make_model(name, width, seed):
    """`name` is "resnet8" or "resnet20"; for 3-channel images of 10 classes, channels-last."""
    torch.manual_seed(seed)
    model = ResNet({"resnet8": 1, "resnet20": 3}[name], width, image_channels=3, classes=10)
    return model.to(memory_format=torch.channels_last)
