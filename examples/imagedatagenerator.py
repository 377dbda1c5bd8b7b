# %% [markdown]
# # A notebook written against ImageDataGenerator
#
# This is the flow that courses teach: pictures in class folders, a generator for training and one for validation,
# three blocks of convolution and pooling, and then augmentation. One line was changed for fieldguide, the first one
# below; and the pictures are those that come with it, so that nothing is downloaded.

# %%
from fieldguide.preprocessing.image import ImageDataGenerator  # was: from tensorflow.keras.preprocessing.image

# %%
import os
import tempfile

import keras
import numpy as np
from keras import layers

from fieldguide import samples

# %% [markdown]
# ## The pictures
#
# Horses and humans, made by Laurence Moroney for just this kind of lesson. One file is broken on purpose: Keras's class
# would stop at it in mid-epoch, without its name.

# %%
base_dir = samples.unpack("horses_or_humans", os.path.join(tempfile.mkdtemp(), "sample"))
train_dir = os.path.join(base_dir, "train")
validation_dir = os.path.join(base_dir, "validation")

for name in sorted(os.listdir(train_dir)):
    print(name, len(os.listdir(os.path.join(train_dir, name))), "files")

# %% [markdown]
# ## Generators

# %%
SIZE = (48, 48)  # courses take (150, 150); smaller is quicker

train_datagen = ImageDataGenerator(rescale=1.0 / 255)
test_datagen = ImageDataGenerator(rescale=1.0 / 255)

train_generator = train_datagen.flow_from_directory(train_dir, target_size=SIZE, batch_size=20, class_mode="binary")
validation_generator = test_datagen.flow_from_directory(
    validation_dir, target_size=SIZE, batch_size=20, class_mode="binary"
)

# %%
print(train_generator.class_indices)
for left_out in train_generator.skipped:
    print(left_out.path.name, "-", left_out.reason)

# %% [markdown]
# ## A small network

# %%
keras.utils.set_random_seed(0)
model = keras.Sequential(
    [
        layers.Input((*SIZE, 3)),
        layers.Conv2D(16, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(1e-3), metrics=["accuracy"])

history = model.fit(train_generator, epochs=2, validation_data=validation_generator, verbose=2)

# %% [markdown]
# ## Augmentation
#
# The classic recipe, from which the same network goes on learning. Pictures that were decoded above are not decoded
# again. A warning says what hardly anybody knows of the recipe: its shear of 0.2 is 0.2 degrees, which nobody sees.

# %%
augmented_datagen = ImageDataGenerator(
    rescale=1.0 / 255,
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
)
augmented_generator = augmented_datagen.flow_from_directory(
    train_dir, target_size=SIZE, batch_size=20, class_mode="binary"
)

# %%
batch, labels = next(augmented_generator)
print(batch.shape, batch.dtype, f"{batch.min():.2f} to {batch.max():.2f}")

# %%
history = model.fit(augmented_generator, epochs=2, validation_data=validation_generator, verbose=2)

# %% [markdown]
# ## One picture

# %%
from fieldguide.preprocessing.image import img_to_array, load_img

path = validation_generator.filepaths[0]
picture = img_to_array(load_img(path, target_size=SIZE))
probability = float(model.predict(np.expand_dims(picture / 255, 0), verbose=0)[0, 0])
print(os.path.basename(path), f"is a human with a probability of {probability:.0%}")

# %% [markdown]
# ## More
#
# - `fieldguide augment FOLDER` shows what settings do before anything is trained.
# - `fieldguide train FOLDER` makes a classifier from such a folder that is measured and calibrated, within a minute.
